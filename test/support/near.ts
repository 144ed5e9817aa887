// near.ts: results that are the same but for some nanoseconds.

/**
 * Where two results differ: numbers may be apart by `slackNs`, a number that is missing is 0 then, all else must be equal.
 *
 * @param slackNs 0: everything must be equal
 */
export function differences(ours: unknown, theirs: unknown, slackNs: number, path = ''): string[] {
  if (typeof ours === 'number' && typeof theirs === 'number') {
    return Math.abs(ours - theirs) <= slackNs ? [] : [`${path}: ${ours} instead of ${theirs}`]
  }
  if (typeof ours !== 'object' || typeof theirs !== 'object' || ours === null || theirs === null) {
    return ours === theirs ? [] : [`${path}: ${JSON.stringify(ours)} instead of ${JSON.stringify(theirs)}`]
  }
  if (Array.isArray(ours) !== Array.isArray(theirs)) return [`${path}: not both are lists`]
  const [one, other] = [ours as Record<string, unknown>, theirs as Record<string, unknown>]
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].flatMap((key) =>
    differences(
      missing(one[key], other[key], slackNs),
      missing(other[key], one[key], slackNs),
      slackNs,
      `${path}.${key}`,
    ),
  )
}

/** A value that is not there, as what the other side says it is. */
function missing(value: unknown, other: unknown, slackNs: number): unknown {
  if (value !== undefined || slackNs === 0) return value
  if (typeof other === 'number') return 0
  return typeof other === 'object' && other !== null && !Array.isArray(other) ? {} : value
}
