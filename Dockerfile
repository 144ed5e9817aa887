# Subspan, small and without root: docker build -t subspan . && docker run -p 127.0.0.1:4317:4317 -p 127.0.0.1:4318:4318 -p 127.0.0.1:6061:6061 -v subspan-data:/data subspan
FROM node:20-alpine AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && npm prune --omit=dev

FROM node:20-alpine
ENV NODE_ENV=production \
    SUBSPAN_DATA_DIR=/data \
    SUBSPAN_RECEIVERS_OTLP_GRPC_HOST=0.0.0.0 \
    SUBSPAN_RECEIVERS_OTLP_HTTP_HOST=0.0.0.0 \
    SUBSPAN_RECEIVERS_OPENCENSUS_HOST=0.0.0.0 \
    SUBSPAN_RECEIVERS_JAEGER_HTTP_HOST=0.0.0.0 \
    SUBSPAN_RECEIVERS_JAEGER_GRPC_HOST=0.0.0.0 \
    SUBSPAN_RECEIVERS_ZIPKIN_HOST=0.0.0.0 \
    SUBSPAN_API_HOST=0.0.0.0
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY proto-fixtures/demo proto-fixtures/demo
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
# Inside the container every address; which of them the host's are reached by is said with -p.
EXPOSE 4317 4318 55678 14268 14250 9411 6061
HEALTHCHECK --interval=5s --timeout=3s --retries=12 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:6061/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["serve"]
