import { defineConfig } from 'vitest/config';

/** Tests that start processes, measure this one, or look at what all files of one process share. */
const apart = [
  'test/cli/**/*.test.ts',
  'test/e2e/**/*.test.ts',
  'test/storm/**/*.test.ts',
  'test/keystore/process.test.ts',
  'test/network/limits.test.ts',
  'test/sdk/readme.test.ts',
  'test/sdk/types.test.ts',
  'test/log.test.ts',
  'test/secret.test.ts',
];

export default defineConfig({
  test: {
    globalSetup: 'test/build.ts',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: 'shared', include: ['test/**/*.test.ts'], exclude: apart, pool: 'threads', isolate: false },
      },
      { extends: true, test: { name: 'apart', include: apart, pool: 'forks' } },
    ],
  },
});
