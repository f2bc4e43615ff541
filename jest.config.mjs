/** Tests run from source as native ES modules; types are checked by `npm run check`, not here. */
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  moduleNameMapper: {
    '^@quarterhour/infra/(stack|demo)$': '<rootDir>/infra/src/$1/index.ts',
    '^@quarterhour/([a-z-]+)$': '<rootDir>/packages/$1/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  testMatch: ['<rootDir>/{apps,packages}/*/{src,test}/**/*.test.ts', '<rootDir>/infra/{src,test}/**/*.test.ts'],
  modulePathIgnorePatterns: ['/dist/', '/\\.quarterhour/'],
  // Only against what hangs: a test that starts a dozen processes takes half a minute on a slow machine.
  testTimeout: 120_000,
  maxWorkers: 2,
  workerIdleMemoryLimit: '512MB',
};
