import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Decisions and runbooks are replayed: they take time and chance as arguments (docs/architecture.md). */
const PURE = ['src/domain/**/*.ts'];
const REPLAYED = ['src/domain/**/*.ts', 'src/workflows/**/*.ts'];

const noEnum = { selector: 'TSEnumDeclaration', message: 'Use a const array and a union type.' };
const noExportAll = { selector: 'ExportAllDeclaration', message: 'Name what a module exports.' };

export default tseslint.config(
  { ignores: ['dist', 'node_modules', '.understudy', 'test/fixtures', 'test/replay/histories', '**/*.cjs'] },
  js.configs.recommended,
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        fetch: 'readonly',
        AbortSignal: 'readonly',
        Buffer: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
      },
    },
  },
  ...[...tseslint.configs.strict].map((c) => ({ ...c, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/return-await': ['error', 'always'],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: false, requireDefaultForNonUnion: false },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'max-depth': ['error', 3],
      complexity: ['error', 12],
      'max-params': ['error', 4],
      eqeqeq: 'error',
      'object-shorthand': 'error',
      'no-restricted-syntax': ['error', noEnum, noExportAll],
    },
  },
  {
    files: PURE,
    rules: {
      'no-restricted-syntax': [
        'error',
        noEnum,
        noExportAll,
        {
          selector: ':matches(FunctionDeclaration, FunctionExpression, ArrowFunctionExpression)[async=true]',
          message: 'A decision is not async: take facts as arguments.',
        },
        { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'Time is an argument.' },
      ],
    },
  },
  {
    files: REPLAYED,
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Time is an argument in domain; in workflows use clock.ts.' },
        { object: 'Math', property: 'random', message: 'Chance is an argument.' },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    // Tables have rows as wide as their decisions; a scenario reads top to bottom.
    rules: {
      'max-lines-per-function': 'off',
      'max-params': 'off',
      complexity: 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
);
