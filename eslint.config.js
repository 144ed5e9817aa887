import tseslint from 'typescript-eslint'

export default tseslint.config(
  { ignores: ['dist/**', '**/*.wasm.ts', 'node_modules/**', 'coverage/**', 'proto-fixtures/generators/**'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  { files: ['test/bench/**', 'test/fuzz/**'], rules: { 'no-console': 'off' } },
  { files: ['**/*.js', '**/*.mjs'], ...tseslint.configs.disableTypeChecked },
  // AssemblyScript: what needs TypeScript's own types cannot look at it.
  { files: ['src/**/kernel/**'], ...tseslint.configs.disableTypeChecked },
)
