import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { postgresIsAbsent, redisIsAbsent } from '../keystore/servers.ts';

const STORM = fileURLToPath(new URL('storm.mjs', import.meta.url));

function storm(...args: string[]): Promise<{ code: number | string | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [STORM, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? null) : 0, stdout, stderr });
    });
  });
}

describe.each([
  ['sqlite', 'clock', ''],
  ['sqlite', 'told', ''],
  ['postgres', 'clock', postgresIsAbsent],
  ['redis', 'clock', redisIsAbsent],
])('a storm of calls on %s, expiry by %s%s', (store, expired, absent) => {
  it.skipIf(absent)('causes one refresh, and every call succeeds', async () => {
    const args = ['--store', store, '--processes', '2', '--callers', '20', '--expired', expired];
    const { code, stdout, stderr } = await storm(...args);
    expect(stdout, stderr).not.toBe('');
    expect(JSON.parse(stdout), stderr).toEqual({
      store,
      processes: 2,
      callers: 20,
      refreshes: 1,
      successes: 40,
      expected: 40,
      family_alive: true,
      ms: expect.any(Number),
    });
    expect(code).toBe(0);
  });
});
