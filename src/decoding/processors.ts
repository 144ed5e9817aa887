// processors.ts: how many processors' time this process may use. Node 20 counts those that it may run on, but knows nothing of a container's limit of
// their time (`docker run --cpus`, Kubernetes' `limits.cpu`): where that is one processor's, a second thread only has both wait for each other.
//
// Source: the kernel's Documentation/admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst (cpu.cfs_quota_us).

import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, posix } from 'node:path'

/**
 * Processors whose whole time this process may use, one at least.
 *
 * @param root where `/proc` and `/sys` are
 */
export function usableProcessors(root = '/'): number {
  const limit = Math.floor(Math.min(...limitsOf(root)))
  return Math.max(1, Math.min(availableParallelism(), limit))
}

/** The limits of the control groups that this process is in, and of those around them, in processors; none: Infinity. */
function limitsOf(root: string): number[] {
  const limits = [Infinity]
  // A line a hierarchy: its number, its controllers (none in version 2), and the group in it.
  for (const [, controllers, group] of textOf(join(root, 'proc/self/cgroup')).matchAll(/^\d+:(.*?):(.*)$/gm)) {
    const isVersion1 = controllers.split(',').includes('cpu')
    if (controllers !== '' && !isVersion1) continue
    const mount = mountOf(root, controllers)
    // Up to the mount itself: in a container that is often its group, wherever the line says that it is.
    for (let path = posix.join('/', group); ; path = posix.dirname(path)) {
      const at = (file: string) => textOf(join(mount, path, file))
      const [quota, period] = isVersion1 ? [at('cpu.cfs_quota_us'), at('cpu.cfs_period_us')] : at('cpu.max').split(' ')
      // Version 2 says `max` where there is no limit, version 1 -1.
      if (Number(quota) > 0 && Number(period) > 0) limits.push(Number(quota) / Number(period))
      if (path === '/') break
    }
  }
  return limits
}

/**
 * Where a hierarchy is mounted. Those of version 1 are named for their controllers, though some systems name them in another order than the line
 * does (`cpuacct,cpu` for `cpu,cpuacct`), and have a link for each.
 */
function mountOf(root: string, controllers: string): string {
  const mount = join(root, 'sys/fs/cgroup', controllers)
  return controllers === '' || existsSync(mount) ? mount : join(root, 'sys/fs/cgroup/cpu')
}

/** Nothing where there is no such file. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
