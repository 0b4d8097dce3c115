import { defineConfig } from 'vitest/config';

/** Tests that run commands, most of them in this process. */
const commands = [
  'test/cli/**/*.test.ts',
  'test/e2e/clients.test.ts',
  'test/mcp/stdio.test.ts',
  'test/sdk/readme.test.ts',
  'test/sdk/types.test.ts',
];

/** Whole processes that crash, race, are attacked and are waited for, and a browser: `npm run e2e`. */
const processes = [
  'test/e2e/**/*.test.ts',
  'test/storm/**/*.test.ts',
  'test/keystore/process.test.ts',
  // Attacks that take their time.
  'test/security/lockout.test.ts',
  'test/security/strangers.test.ts',
  'test/security/sqlload.test.ts',
  'test/security/eventloop.test.ts',
];

/** Tests that measure this process, or look at what all files of one process share. */
const apart = ['test/network/limits.test.ts', 'test/log.test.ts', 'test/secret.test.ts'];

/** What the benchmark installs and makes there. */
const installed = ['test/**/node_modules/**', 'test/bench/.work/**'];

export default defineConfig({
  test: {
    globalSetup: 'test/build.ts',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'shared',
          include: ['test/**/*.test.ts'],
          exclude: [...commands, ...processes, ...apart, ...installed],
          pool: 'threads',
          isolate: false,
        },
      },
      { extends: true, test: { name: 'commands', include: commands, pool: 'forks', isolate: false } },
      {
        extends: true,
        test: { name: 'e2e', include: processes, exclude: commands, pool: 'forks', isolate: false },
      },
      { extends: true, test: { name: 'apart', include: apart, pool: 'forks' } },
    ],
  },
});
