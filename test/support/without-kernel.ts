// without-kernel.ts: the same analysis by the TypeScript alone.

import { vi } from 'vitest'
import { KernelMemory } from '../../src/base/kernel-memory.ts'

/** What an analysis tells with the kernel, and what it tells when the kernel hands back every event. The mock is the caller's to restore. */
export function withAndWithoutKernel<Told>(analysis: () => Told): readonly [Told, Told] {
  const both = analysis()
  const { prototype } = KernelMemory
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own memory below
  const start = prototype.start
  vi.spyOn(prototype, 'start').mockImplementation(function (this: KernelMemory, kernel: WebAssembly.Module) {
    const exports = start.call(this, kernel) as object
    if (!('ofWaker' in exports)) return exports
    return { ...exports, run: (from: number) => from, settle: () => undefined }
  })
  return [both, analysis()]
}
