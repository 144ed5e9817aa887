import { defineConfig } from 'vitest/config'

// Real Jaeger, Collector and Go services, built by test/e2e/peers/build.sh: `npm run test:e2e`.
export default defineConfig({
  test: {
    include: ['test/e2e/peers/**/*.test.ts'],
    globalSetup: ['test/e2e/peers/setup.ts'],
    testTimeout: 180_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // One at a time: each runs up to five programs.
    fileParallelism: false,
  },
})
