// recording.ts: where the recording lies that the demonstration shows, and by which a decoding thread learns.

/** Its folder, beside `dist/` and `src/` alike. */
export const RECORDING = new URL('../../proto-fixtures/demo/', import.meta.url)
