import { defineConfig } from 'vitest/config';

/** Tests that start processes or measure this one, and so must not share theirs with other files. */
const apart = [
  'test/storm/**/*.test.ts',

  'test/e2e/**/*.test.ts',
  'test/cli/**/*.test.ts',
  'test/keystore/process.test.ts',
  'test/network/limits.test.ts',
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
