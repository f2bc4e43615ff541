import tseslint from 'typescript-eslint';

/** Who may import whom: design of the house, one row per workspace (see docs/decisions/0001-workspaces-and-imports.md). */
const MAY_IMPORT = {
  'packages/domain': [],
  'packages/contracts': [],
  'packages/db': ['domain'],
  'packages/ingestion': ['contracts', 'domain', 'db'],
  'packages/messaging': ['contracts'],
  'packages/runtime': [],
  'packages/http': ['contracts', 'domain', 'runtime'],
  'packages/testkit': ['contracts', 'domain', 'db', 'ingestion', 'messaging', 'runtime', 'http', 'infra'],
  'apps/ingest-worker': ['contracts', 'domain', 'db', 'ingestion', 'messaging', 'runtime'],
  'apps/read-api': ['contracts', 'domain', 'db', 'http', 'runtime'],
  'apps/control-api': ['contracts', 'domain', 'db', 'ingestion', 'messaging', 'http', 'runtime'],
  'apps/cli': ['contracts', 'domain', 'db', 'ingestion', 'messaging', 'runtime'],
  infra: ['contracts', 'domain', 'db', 'http', 'ingestion', 'messaging', 'runtime'],
};
const WORKSPACES = Object.keys(MAY_IMPORT).map((folder) => folder.split('/').at(-1));

const TESTS = ['**/*.test.ts', '**/test/**/*.ts'];

/** Libraries that only one workspace may know. */
const OWNED_LIBRARIES = { amqplib: 'packages/messaging', pg: 'packages/db', kysely: 'packages/db' };

function restrictedImports(folder, { tests }) {
  const allowed = new Set([...MAY_IMPORT[folder], folder.split('/').at(-1), ...(tests ? ['testkit'] : [])]);
  const forbidden = WORKSPACES.filter((name) => !allowed.has(name));
  const foreignLibraries = Object.entries(OWNED_LIBRARIES).filter(([, owner]) => owner !== folder);
  return {
    patterns: [
      ...(forbidden.length > 0
        ? [
            {
              group: forbidden.flatMap((name) => [`@quarterhour/${name}`, `@quarterhour/${name}/*`]),
              message: `${folder} may import ${[...MAY_IMPORT[folder]].join(', ') || 'no other workspace'}.`,
            },
          ]
        : []),
      { group: ['@quarterhour/*/src/*', '@quarterhour/*/dist/*'], message: 'Import a workspace by its name.' },
      { group: ['**/dist/**'], message: 'Import sources; the build maps them.' },
    ],
    paths: [
      ...(tests ? [] : foreignLibraries.map(([name, owner]) => ({ name, message: `Only ${owner} knows ${name}.` }))),
      ...(folder === 'packages/domain'
        ? []
        : [{ name: 'decimal.js', message: 'Use Decimal from @quarterhour/domain: the one configured clone.' }]),
    ],
  };
}

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '.quarterhour/**', 'coverage/**'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: [
          './tsconfig.tests.json',
          './packages/*/tsconfig.json',
          './apps/*/tsconfig.json',
          './infra/tsconfig.json',
        ],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/consistent-type-assertions': ['error', { assertionStyle: 'never' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only apps/*/src/config.ts reads the environment.' },
        { object: 'Date', property: 'now', message: 'Ask the clock of @quarterhour/runtime.' },
        { object: 'DateTime', property: 'now', message: 'Ask the clock of @quarterhour/runtime.' },
        { object: 'DateTime', property: 'local', message: 'Ask the clock of @quarterhour/runtime.' },
        { object: 'sql', property: 'raw', message: 'Text in SQL is a literal of ours or a bound parameter.' },
        { object: 'sql', property: 'lit', message: 'Text in SQL is a literal of ours or a bound parameter.' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'Ask the clock of @quarterhour/runtime.',
        },
        {
          selector: 'CallExpression[callee.property.name=/^nack(All)?$/]',
          message: 'Nothing is ever requeued: settle by ack.',
        },
        {
          selector: "CallExpression[callee.property.name='reject'][arguments.length>1]",
          message: 'Nothing is ever requeued: settle by ack.',
        },
      ],
    },
  },
  ...Object.keys(MAY_IMPORT).map((folder) => ({
    files: [`${folder}/**/*.ts`],
    rules: { 'no-restricted-imports': ['error', restrictedImports(folder, { tests: false })] },
  })),
  ...Object.keys(MAY_IMPORT).map((folder) => ({
    files: TESTS.map((pattern) => `${folder}/${pattern}`),
    rules: {
      'no-restricted-imports': ['error', restrictedImports(folder, { tests: true })],
      'no-restricted-properties': 'off',
      'no-restricted-syntax': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  })),
  {
    files: ['apps/*/src/config.ts', 'infra/src/environment.ts', 'packages/testkit/src/environment.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Ask the clock of @quarterhour/runtime.' },
      ],
    },
  },
  {
    files: ['packages/runtime/src/clock.ts'],
    rules: { 'no-restricted-properties': 'off', 'no-restricted-syntax': 'off' },
  },
);
