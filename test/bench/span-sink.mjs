// span-sink.mjs: an OTLP/HTTP backend that counts the numbered spans of span-load.mjs. node span-sink.mjs PORT MOST

import http from 'node:http'
import { scanTraceRequest } from '../../dist/span/otlp/scan.js'

const [port, most] = process.argv.slice(2).map(Number)
const seen = new Uint8Array(most + 1)
let received = 0
let distinct = 0

http
  .createServer((request, response) => {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      if (request.url === '/stats') {
        response.end(JSON.stringify({ received, distinct }))
        return
      }
      const table = scanTraceRequest(Buffer.concat(chunks))
      const view = new DataView(table.bytes.buffer, table.bytes.byteOffset)
      for (let row = 0; row < table.length; row++) {
        const number = view.getUint32(table.spanIdAt[row] + 4)
        received++
        if (seen[number] === 0) distinct++
        seen[number] = 1
      }
      response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': 0 })
      response.end()
    })
  })
  .listen(port, '127.0.0.1')
