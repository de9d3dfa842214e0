import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Decisions and runbooks are replayed: they take time and chance as arguments (docs/architecture.md). */
const PURE = ['src/domain/**/*.ts'];
const REPLAYED = ['src/domain/**/*.ts', 'src/workflows/**/*.ts'];

const noEnum = { selector: 'TSEnumDeclaration', message: 'Use a const array and a union type.' };
/** What others wrote is read within limits (src/domain/outside.ts, src/outside); these read what we wrote ourselves. */
const PARSES_ITS_OWN = [
  'src/domain/outside.ts',
  'src/domain/json-text.ts', // the text between two quotes of a string
  'src/gateway/continuation/said.ts', // likewise
  'src/gateway/service/hot-prefixes.ts', // what it printed itself
  'src/workflows/governor-teller.ts', // likewise
  'src/cli/version.ts', // package.json
];
const noParse = { object: 'JSON', property: 'parse', message: 'Use parseJson: it has limits and never throws.' };
const noUnboundedRead = {
  selector: 'CallExpression[callee.property.name=/^(json|arrayBuffer|blob|formData)$/][arguments.length=0]',
  message: 'Use boundedText: an answer may have any length.',
};
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
    files: ['src/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', noEnum, noExportAll, noUnboundedRead],
      'no-restricted-properties': ['error', noParse],
      // What a value is, is asked of its type: `String(x)` and `${x}` run what x says.
      '@typescript-eslint/no-base-to-string': ['error', { checkUnknown: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
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
        noParse,
        { property: 'unsafe', message: 'What a replay may see differently decides nothing.' },
      ],
    },
  },
  {
    files: ['src/workflows/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        noEnum,
        noExportAll,
        noUnboundedRead,
        { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'Use nowMs of clock.ts.' },
        { selector: 'CallExpression[callee.name="Date"]', message: 'Use nowMs of clock.ts.' },
        {
          selector: 'CallExpression[callee.name=/^(condition|sleep)$/] CallExpression[callee.name="nowMs"]',
          message: 'Wait for a time with newsBefore of clock.ts: it makes sure that it is that time afterwards.',
        },
      ],
    },
  },
  { files: PARSES_ITS_OWN, rules: { 'no-restricted-properties': 'off' } },
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
