// input-name.ts: what inputs are called.

/** Name for messages: `-` is standard input. */
export function inputName(path: string): string {
  return path === '-' ? 'standard input' : path
}
