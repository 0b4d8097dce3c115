import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Home, makeHome } from '../e2e/home.ts';
import { tieline } from './inprocess.ts';

let home: Home;
beforeAll(async () => {
  home = await makeHome({ tieline });
  await home.run(['users', 'bootstrap']);
  await home.run(['users', 'create', 'ada']);
});
afterAll(() => home.close());

const json = async (...args: string[]) => {
  const { stdout, code } = await home.run(['tokens', ...args, '--json']);
  return { code, value: JSON.parse(stdout) };
};

describe('tieline tokens', () => {
  it('makes, lists and revokes tokens of a user, and shows each once', async () => {
    const made = await json('create', 'ada', 'laptop', '--scopes', 'write,read', '--days', '7');
    const { token, ...shown } = made.value;
    expect(token).toMatch(/^pat-[0-9a-f]{16}-[\w-]{43}$/);
    expect(shown).toMatchObject({ name: 'laptop', scopes: ['read', 'write'] });
    expect(Date.parse(shown.expiresAt) - Date.parse(shown.createdAt)).toBe(7 * 24 * 60 * 60_000);
    expect((await json('list', 'ada')).value).toEqual({ tokens: [shown] });
    const listed = await home.run(['tokens', 'list', 'ada']);
    expect(listed.stdout).toContain('laptop');
    expect((await json('revoke', 'ada', shown.id)).value).toEqual({ id: shown.id, revoked: true });
    expect((await json('revoke', 'ada', shown.id)).value.error.code).toBe('not_found');
    expect((await json('list', 'ada')).value).toEqual({ tokens: [] });
  });

  it.each([
    [['create', 'ada', 'x', '--scopes', 'admin'], 2, 'usage'],
    [['create', 'ada', 'x', '--scopes', 'read,admin'], 2, 'usage'],
    [['create', 'ada', 'x', '--scopes', 'sandbox:read'], 2, 'usage'],
    [['create', 'ada', 'x', '--days', '0'], 2, 'usage'],
    [['create', 'ada', 'x', '--days', '1.5'], 2, 'usage'],
    [['create', 'nobody', 'x'], 1, 'user_unknown'],
    [['list', 'nobody'], 1, 'user_unknown'],
  ])('does not take %j', async (args, code, error) => {
    expect(await json(...args)).toMatchObject({ code, value: { error: { code: error } } });
  });

  it('takes scopes for one connector where config.yaml has them', async () => {
    const file = join(home.path, 'config.yaml');
    const config = JSON.parse(await readFile(file, 'utf8'));
    await writeFile(file, JSON.stringify({ ...config, server: { scopes: 'per-connector' } }));
    const made = await json('create', 'ada', 'narrow', '--scopes', 'sandbox:write,sandbox:read,manage');
    expect(made.value.scopes).toEqual(['manage', 'sandbox:read', 'sandbox:write']);
    expect((await json('create', 'ada', 'x', '--scopes', 'nowhere:read')).code).toBe(2);
  });
});
