import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Tests run the sources, whose kernels have to be compiled.
    globalSetup: './test/kernels.setup.ts',
    include: ['test/**/*.test.ts'],
    exclude: ['test/bench/**', 'test/e2e/peers/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
  },
})
