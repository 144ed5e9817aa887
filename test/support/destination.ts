// destination.ts: a destination of which nothing is out of the ordinary.

import type { Destination } from '../../src/export/destination.ts'
import { readDestinationFiles } from '../../src/export/destination-files.ts'
import { openOtlpHttp } from '../../src/export/otlp-http.ts'
import type { SendResult } from '../../src/export/sender.ts'

/** Without an address; to be changed in what a test is about. */
export const PLAIN_DESTINATION: Destination = {
  name: 'backend',
  url: '',
  protocol: 'http/protobuf',
  headers: {},
  gzip: false,
  timeoutMs: 10_000,
  late: true,
  lateMaxAgeMs: 600_000,
  caFile: '',
  certFile: '',
  keyFile: '',
  headersFile: '',
}

/** Sends one request to it over HTTP, by a sender that is opened for it and closed again. */
export async function sendOnce(
  destination: Destination,
  request: Uint8Array,
  signal = new AbortController().signal,
): Promise<SendResult> {
  const sender = openOtlpHttp(destination, await readDestinationFiles(destination), '1.2.3')
  try {
    return await sender.send([request], signal)
  } finally {
    sender.close()
  }
}
