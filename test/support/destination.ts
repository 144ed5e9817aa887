// destination.ts: a destination of which nothing is out of the ordinary.

import type { Destination } from '../../src/export/destination.ts'

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
