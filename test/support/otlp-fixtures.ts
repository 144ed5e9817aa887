// otlp-fixtures.ts: the recorded bodies of OTLP clients and what they must decode to (proto-fixtures/spans/README.md).

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { sorted } from './otlp.ts'
import type { PlainSpan } from './otlp.ts'

const folder = new URL('../../proto-fixtures/spans/otlp/', import.meta.url)

/** One recorded body, unpacked. */
export interface OtlpFixture {
  readonly file: string
  readonly json: boolean
  readonly body: Uint8Array
  /** Spans in the order of their ids, as `sorted` puts them. */
  readonly expected: readonly PlainSpan[]
}

/** Every body in the folder: a new file there is a new test. */
export function otlpFixtures(): OtlpFixture[] {
  return readdirSync(fileURLToPath(folder))
    .filter((file) => /\.(bin|json)(\.gz)?$/.test(file) && !file.endsWith('.expected.json'))
    .map((file) => {
      const bytes = readFileSync(new URL(file, folder))
      const body = new Uint8Array(file.endsWith('.gz') ? gunzipSync(bytes) : bytes)
      return { file, json: file.includes('.json'), body, expected: expectedOf(file) }
    })
}

function expectedOf(file: string): PlainSpan[] {
  const text = readFileSync(new URL(file.replace(/\..*$/, '.expected.json'), folder), 'utf8')
  const { spans } = JSON.parse(text, (key, value: unknown) =>
    key === 'double' ? Buffer.from(value as string, 'hex').readDoubleBE() : value,
  ) as { spans: PlainSpan[] }
  return sorted(spans)
}
