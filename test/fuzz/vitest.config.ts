import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: import.meta.dirname,
    globalSetup: '../kernels.setup.ts',
    include: ['**/*.fuzz.ts'],
    pool: 'forks',
    // Live memory of any broken capture fits in this heap; typed arrays are counted by the test itself.
    execArgv: ['--max-old-space-size=384'],
    disableConsoleIntercept: true,
  },
})
