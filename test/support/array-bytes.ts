// array-bytes.ts: how many bytes of typed arrays a piece of work makes. They lie outside the heap that the engine limits, and all heavy data is in them.

const COUNTED = ['Uint8Array', 'Uint16Array', 'Int32Array', 'Float64Array'] as const

/**
 * Runs `work` and tells the bytes of the typed arrays that were made meanwhile; views of what was there count nothing, but columns of a
 * kernel's memory do: it is a shared one.
 */
export function countArrayBytes(work: () => void): number {
  const world = globalThis as unknown as Record<string, new (...args: unknown[]) => ArrayBufferView>
  const originals = new Map(COUNTED.map((name) => [name, world[name]]))
  let bytes = 0
  for (const [name, original] of originals) {
    world[name] = new Proxy(original, {
      construct(target, args: unknown[], newTarget) {
        const made = Reflect.construct(target, args, newTarget) as ArrayBufferView
        if (!(args[0] instanceof ArrayBuffer)) bytes += made.byteLength
        return made
      },
    })
  }
  try {
    work()
  } finally {
    for (const [name, original] of originals) world[name] = original
  }
  return bytes
}
