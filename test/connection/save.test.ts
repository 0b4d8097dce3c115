import { existsSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { merged } from '../../src/connection/connection.ts';
import { testConnection } from '../../src/connection/probe.ts';
import { findConnection } from '../../src/connection/record.ts';
import { createConnection, openConnection, removeConnection, updateConnection } from '../../src/connection/save.ts';
import { readIntegrations } from '../../src/integration/accounts.ts';
import { alice, bob, failureOf } from '../execute/stage.ts';
import { GIVEN, openDesk, openPlace, SECRET, savingOf } from './place.ts';

describe('creating', () => {
  it('writes a private file, and nothing else beside it', async () => {
    const { place, folder, saving } = await openDesk();
    await createConnection(place, saving);
    const modes = await Promise.all(
      [folder, join(folder, 'desk'), join(folder, 'desk', 'connector.yaml')].map(async (it) => (await stat(it)).mode),
    );
    expect(modes.map((it) => it & 0o777)).toEqual([0o700, 0o700, 0o600]);
    expect(await readdir(join(folder, 'desk'))).toEqual(['connector.yaml']);
  });

  it('leaves nothing behind when the API refuses', async () => {
    const { place, folder, api, saving } = await openDesk();
    api.answer = () => ({ status: 401 });
    const { code, message } = await failureOf(createConnection(place, saving));
    expect(code).toBe('token_rejected');
    expect(message).not.toContain(SECRET);
    expect(existsSync(join(folder, 'desk'))).toBe(false);
    expect(place.engine.catalog.connectors).toEqual([]);
    expect(await readIntegrations(place.engine.keystore, alice, 'desk')).toMatchObject({ items: [] });
    expect(await findConnection(place.engine.keystore, alice, 'desk')).toBeUndefined();
  });

  it('leaves nothing behind when the file cannot be written', async () => {
    const { place, saving } = await openDesk();
    const folder = join(place.folder, '..', 'a-file');
    await writeFile(folder, '');
    const { code } = await failureOf(createConnection({ ...place, folder }, saving));
    expect(code).toBe('config_invalid');
    expect(await readIntegrations(place.engine.keystore, alice, 'desk')).toMatchObject({ items: [] });
    expect(await findConnection(place.engine.keystore, alice, 'desk')).toBeUndefined();
    expect(place.engine.catalog.connectors).toEqual([]);
  });

  it('keeps what does not work where that is wanted, and it works once the API does', async () => {
    const { place, api, saving, call } = await openDesk();
    const right = api.answer;
    api.answer = () => ({ status: 401 });
    const saved = await createConnection(place, { ...saving, force: true });
    expect(saved).toMatchObject({ tested: false, failure: { code: 'token_rejected' } });
    api.answer = right;
    expect(await call('requests.get', { path: 'x' })).toMatchObject({ status: 200 });
  });

  it('refuses a name that is taken, by another connector or by itself', async () => {
    const { place, saving } = await openDesk();
    const taken = await failureOf(createConnection({ ...place, isTaken: async () => true }, saving));
    expect(taken).toMatchObject({ code: 'integration_exists', hint: 'Choose another name.' });
    await createConnection(place, saving);
    const twice = await failureOf(createConnection(place, saving));
    expect(twice).toMatchObject({ code: 'integration_exists', hint: 'Change it with: tieline connections edit desk' });
  });

  it('says which setting opens a private address', async () => {
    const { saving } = await openDesk();
    const { place } = await openPlace({ allowPrivate: [] });
    const { code, hint } = await failureOf(createConnection(place, saving));
    expect(code).toBe('target_forbidden');
    expect(hint).toContain('network.allowPrivate in config.yaml');
  });

  it('without a test path tests nothing, and fails nothing', async () => {
    const { place, api, saving } = await openDesk({ testPath: '' });
    api.answer = () => ({ status: 500 });
    expect(await createConnection(place, saving)).toEqual({ connector: 'desk', lockVersion: 1, tested: false });
    expect(api.seen).toEqual([]);
  });
});

describe('a changed connection', () => {
  const edit = async (
    it: Awaited<ReturnType<typeof openDesk>>,
    changes: Record<string, unknown>,
    lockVersion?: number,
  ) => {
    const stored = await openConnection(it.place, 'desk', lockVersion);
    const { lockVersion: _, ...fields } = merged(stored.value.connection, changes);
    const next = stored.value.connection.lockVersion + 1;
    return updateConnection(it.place, stored, savingOf({ ...fields, lockVersion: next }, { token: SECRET }));
  };

  it('has new actions, the same account, and the next version', async () => {
    const it = await openDesk();
    await createConnection(it.place, it.saving);
    const actions = { things: { get: { request: { path: 'things/{{id}}' } } } };
    expect(await edit(it, { actions }, 1)).toEqual({ connector: 'desk', lockVersion: 2, tested: true });
    expect(await it.call('things.get', { id: 'a/b' })).toEqual({ ok: true });
    expect(it.api.seen.at(-1)?.url).toBe('/things/a%2Fb');
    expect((await readIntegrations(it.place.engine.keystore, alice, 'desk')).items).toHaveLength(1);
    expect(await readFile(join(it.folder, 'desk', 'connector.yaml'), 'utf8')).toContain('version: 1.0.2');
  });

  it('is refused when somebody else was faster', async () => {
    const it = await openDesk();
    await createConnection(it.place, it.saving);
    const stale = await openConnection(it.place, 'desk');
    await edit(it, { description: 'Mine' });
    const late = await failureOf(updateConnection(it.place, stale, it.saving));
    const wrong = await failureOf(openConnection(it.place, 'desk', 1));
    expect([late.code, wrong.code]).toEqual(['conflict', 'conflict']);
    expect((await openConnection(it.place, 'desk', 2)).value.connection.description).toBe('Mine');
  });

  it('that does not work changes nothing', async () => {
    const it = await openDesk();
    await createConnection(it.place, it.saving);
    const before = await readFile(join(it.folder, 'desk', 'connector.yaml'), 'utf8');
    const stored = await openConnection(it.place, 'desk');
    const changed = { baseUrl: it.api.url, ...GIVEN, auth: { type: 'raw_bearer_token', token: 'a-wrong-token-1' } };
    const { code } = await failureOf(updateConnection(it.place, stored, savingOf(changed)));
    expect(code).toBe('token_rejected');
    expect(await readFile(join(it.folder, 'desk', 'connector.yaml'), 'utf8')).toBe(before);
    expect((await openConnection(it.place, 'desk', 1)).value).toEqual(stored.value);
    expect(await it.call('requests.get', { path: 'x' })).toMatchObject({ status: 200 });
  });

  it('whose file cannot be written has its credential as before', async () => {
    const it = await openDesk();
    await createConnection(it.place, it.saving);
    const stored = await openConnection(it.place, 'desk');
    const folder = join(it.folder, '..', 'a-file');
    await writeFile(folder, '');
    it.api.answer = () => ({});
    const changed = savingOf({ baseUrl: it.api.url, auth: { type: 'raw_bearer_token', token: 'another-token-1' } });
    await failureOf(updateConnection({ ...it.place, folder }, stored, changed));
    await it.call('requests.get', { path: 'x' });
    expect(it.api.seen.at(-1)?.headers.authorization).toBe(`Bearer ${SECRET}`);
  });
});

describe('a test', () => {
  it('tells that it works, that it does not, and that there is nothing to test', async () => {
    const it = await openDesk();
    await createConnection(it.place, it.saving);
    const record = (await openConnection(it.place, 'desk')).value;
    expect(await testConnection(it.place, record)).toBe(true);
    it.api.answer = () => ({ status: 403 });
    expect((await failureOf(testConnection(it.place, record))).code).toBe('forbidden');
    const other = await openDesk({ testPath: undefined });
    await createConnection(other.place, other.saving);
    expect(await testConnection(other.place, (await openConnection(other.place, 'desk')).value)).toBe(false);
  });
});

it('a removed connection is gone: file, account, credential and record', async () => {
  const it = await openDesk();
  await createConnection(it.place, it.saving);
  expect(await failureOf(removeConnection({ ...it.place, who: bob }, 'desk'))).toMatchObject({
    code: 'connector_unknown',
  });
  expect(await removeConnection(it.place, 'desk')).toEqual({ accounts: 1 });
  expect(existsSync(join(it.folder, 'desk'))).toBe(false);
  expect(await readIntegrations(it.place.engine.keystore, alice, 'desk')).toMatchObject({ items: [] });
  expect(await failureOf(openConnection(it.place, 'desk'))).toMatchObject({ code: 'connector_unknown' });
});
