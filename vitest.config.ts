import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Tests run the sources, whose kernels have to be compiled.
    globalSetup: './test/kernels.setup.ts',
    include: ['test/**/*.test.ts'],
    exclude: ['test/bench/**', 'test/e2e/peers/**'],
    // Only for what hangs: the slowest test takes 20 s on two free cores, and ten times as long beside much other work is no failure.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    pool: 'forks',
  },
})
