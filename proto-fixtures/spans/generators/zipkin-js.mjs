// Records what Zipkin's JavaScript client posts: node zipkin-js.mjs FOLDER writes FOLDER/zipkin-js.json.
//
// The client is no dependency of the project: npm install --no-save zipkin@0.22.0 zipkin-transport-http@0.22.0
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import zipkin from 'zipkin'
import transport from 'zipkin-transport-http'

const folder = process.argv[2]
const { Annotation, BatchRecorder, ExplicitContext, InetAddress, jsonEncoder, Tracer } = zipkin

const server = createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    writeFileSync(join(folder, 'zipkin-js.json'), Buffer.concat(chunks))
    response.writeHead(202).end(() => process.exit(0))
  })
})
server.listen(0, '127.0.0.1', () => {
  const logger = new transport.HttpLogger({
    endpoint: `http://127.0.0.1:${server.address().port}/api/v2/spans`,
    jsonEncoder: jsonEncoder.JSON_V2,
    httpInterval: 200,
  })
  const ctxImpl = new ExplicitContext()
  const recorder = new BatchRecorder({ logger })
  const tracer = new Tracer({ ctxImpl, recorder, localServiceName: 'Shop', traceId128Bit: true })
  tracer.scoped(() => {
    tracer.setId(tracer.createRootId())
    tracer.recordServiceName('Shop')
    tracer.recordRpc('GET /cart')
    tracer.recordBinary('http.status_code', '404')
    tracer.recordAnnotation(new Annotation.ServerRecv())
    tracer.recordAnnotation(new Annotation.LocalAddr({ host: new InetAddress('10.0.0.1'), port: 8080 }))
    tracer.recordMessage('cache miss')
    tracer.scoped(() => {
      tracer.setId(tracer.createChildId())
      tracer.recordServiceName('Shop')
      tracer.recordRpc('GET /bank')
      tracer.recordBinary('error', 'grün')
      tracer.recordAnnotation(new Annotation.ClientSend())
      tracer.recordAnnotation(
        new Annotation.ServerAddr({ serviceName: 'bank', host: new InetAddress('10.0.0.2'), port: 80 }),
      )
      tracer.recordAnnotation(new Annotation.ClientRecv())
    })
    tracer.local('local work', () => tracer.recordBinary('n', 7))
    tracer.recordAnnotation(new Annotation.ServerSend())
  })
})
