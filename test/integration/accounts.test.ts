import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
import {
  addIntegration,
  addPendingIntegration,
  connectPending,
  credentialKey,
  readAllIntegrations,
  readIntegrations,
  removeIntegration,
  removePending,
  renameIntegration,
  replaceCredential,
  setDefaultIntegration,
  setDisabled,
  wipeCredential,
} from '../../src/integration/accounts.ts';
import { readApp, writeApp } from '../../src/integration/app.ts';
import type { Integration } from '../../src/integration/integration.ts';
import { locateIntegration } from '../../src/integration/locator.ts';
import type { Principal } from '../../src/integration/principal.ts';
import { findIntegration, resolveIntegration } from '../../src/integration/resolve.ts';
import { memoryKeyring } from '../../src/keystore/keyring.ts';
import type { Keystore } from '../../src/keystore/keystore.ts';
import { memoryStore } from '../../src/keystore/memory.ts';
import { failureOf } from '../keystore/failure.ts';
import { credentialOf, credentialsIn, principal, tokenOf, watched } from './place.ts';

const ada = principal('org', 'ada');
const inMemory = () => watched(memoryStore(), memoryKeyring());

const account = (identifier: string, createdAt: number, connector = 'desk'): Omit<Integration, 'id'> => ({
  connector,
  identifier,
  option: 'oauth',
  settings: {},
  account: {},
  createdAt,
});

const DAY = 24 * 3_600_000;

/** One that is waited for, for a day. */
const awaited = (identifier: string, createdAt: number) => ({
  ...account(identifier, createdAt),
  pendingUntil: createdAt + DAY,
});

const add = (keystore: Keystore, who: Principal, identifier: string, createdAt = 0, connector = 'desk') =>
  addIntegration(keystore, who, account(identifier, createdAt, connector), credentialOf(identifier));

/** The code of the failure, or undefined. */
const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error: { code?: string }) => error.code ?? String(error),
  );

type Command = {
  readonly act: 'add' | 'remove' | 'default' | 'rename' | 'await' | 'connect' | 'disable' | 'enable';
  readonly name: string;
  readonly other: string;
  readonly at: number;
};

const names = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const command: fc.Arbitrary<Command> = fc.record({
  act: fc.constantFrom('add', 'add', 'await', 'await', 'connect', 'remove', 'default', 'rename', 'disable', 'enable'),
  name: names,
  other: names,
  at: fc.integer({ min: 0, max: 5 }),
});

/** The rules as a user would tell them: a list of names in the order they came, and which one is the default. */
class Model {
  items: { name: string; at: number; token: string | undefined; disabled: boolean }[] = [];
  default: string | undefined;

  /** Gives the code of the failure that must follow. */
  run({ act, name, other, at }: Command): string | undefined {
    const found = this.items.find((it) => it.name === name);
    if (act === 'add' || act === 'await') {
      if (found && act === 'await' && !found.token) return undefined;
      if (found) return 'integration_exists';
      this.items.push({ name, at, token: act === 'add' ? `token of ${name}` : undefined, disabled: false });
      if (act === 'add') this.default ??= name;
      return undefined;
    }
    if (!found) return 'integration_unknown';
    if (act === 'connect') {
      if (found.token) return 'integration_exists';
      this.items = [...this.items.filter((it) => it !== found), { ...found, at, token: `token of ${name}` }];
      this.default ??= name;
    }
    if (!found.token && ['default', 'disable', 'enable'].includes(act)) return 'integration_required';
    if (act === 'default') this.default = name;
    if (act === 'disable' || act === 'enable') found.disabled = act === 'disable';
    if (act === 'rename') {
      if (other !== name && this.items.some((it) => it.name === other)) return 'integration_exists';
      found.name = other;
      if (this.default === name) this.default = other;
    }
    if (act === 'remove') {
      this.items = this.items.filter((it) => it !== found);
      const connected = this.items.filter((it) => it.token);
      const latest = Math.max(...connected.map((it) => it.at));
      if (this.default === name) this.default = connected.filter((it) => it.at === latest).at(-1)?.name;
    }
    return undefined;
  }
}

/** Long after `at` of any command: what is pending in these tests is waited for until then. */
const LATER = Date.now();

async function run(keystore: Keystore, who: Principal, { act, name, other, at }: Command): Promise<unknown> {
  if (act === 'add') return add(keystore, who, name, at);
  if (act === 'await') return addPendingIntegration(keystore, who, awaited(name, LATER));
  if (act === 'connect') {
    const there = findIntegration(await readIntegrations(keystore, who, 'desk'), 'desk', name);
    return connectPending(keystore, who, there, account(name, at), credentialOf(name));
  }
  if (act === 'disable') return setDisabled(keystore, who, 'desk', name, at);
  if (act === 'enable') return setDisabled(keystore, who, 'desk', name, undefined);
  if (act === 'remove') return removeIntegration(keystore, who, 'desk', name);
  if (act === 'default') return setDefaultIntegration(keystore, who, 'desk', name);
  return renameIntegration(keystore, who, 'desk', name, other);
}

describe('the accounts of a user', () => {
  it('follow the rules of identifiers and default, whatever is done in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
        const place = await watched(memoryStore(), memoryKeyring());
        const { keystore } = place;
        const model = new Model();
        for (const it of commands) {
          expect(await codeOf(run(keystore, ada, it))).toBe(model.run(it));
          const { items, default: chosen } = await readIntegrations(keystore, ada, 'desk');
          expect(items.map((its) => its.identifier)).toEqual(model.items.map((its) => its.name));
          expect(items.find((its) => its.id === chosen)?.identifier).toBe(model.default);
          expect(chosen === null).toBe(model.items.every((its) => !its.token));
          expect(items.map((its) => its.disabledAt !== undefined)).toEqual(model.items.map((its) => its.disabled));
          const stored = await Promise.all(items.map((its) => tokenOf(keystore, ada, 'desk', its.id)));
          expect(stored).toEqual(model.items.map((its) => its.token));
          expect(await credentialsIn(place)).toBe(model.items.filter((its) => its.token).length);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('of several connectors are apart, and come in one read', async () => {
    const { keystore } = await inMemory();
    await add(keystore, ada, 'x', 1, 'desk');
    await add(keystore, ada, 'x', 2, 'mail');
    await setDefaultIntegration(keystore, ada, 'mail', 'x');
    const all = await readAllIntegrations(keystore, ada, ['mail', 'desk', 'none']);
    expect([...all].map(([connector, { items }]) => [connector, items.map((it) => it.identifier)])).toEqual([
      ['mail', ['x']],
      ['desk', ['x']],
      ['none', []],
    ]);
    await removeIntegration(keystore, ada, 'desk', 'x');
    expect((await readIntegrations(keystore, ada, 'mail')).items).toHaveLength(1);
  });

  it('keep name and place as default when their credential is replaced', async () => {
    const { keystore } = await inMemory();
    const first = await add(keystore, ada, 'a');
    await add(keystore, ada, 'b');
    const before = await readIntegrations(keystore, ada, 'desk');
    const { version: _, ...fresh } = credentialOf('a, again');
    await replaceCredential(keystore, ada, first, fresh);
    await Promise.all([1, 2, 3].map(() => replaceCredential(keystore, ada, first, fresh)));
    expect(await readIntegrations(keystore, ada, 'desk')).toEqual(before);
    expect(await tokenOf(keystore, ada, 'desk', first.id)).toBe('token of a, again');
  });

  it('can be removed although the credential is damaged', async () => {
    const store = memoryStore();
    const place = await watched(store, memoryKeyring());
    await add(place.keystore, ada, 'a');
    for (const key of (await place.rows()).keys()) if (key.startsWith('credential.')) await store.set(key, 'damaged');
    await removeIntegration(place.keystore, ada, 'desk', 'a');
    expect(await credentialsIn(place)).toBe(0);
  });
});

describe('a pending account', () => {
  const wanted = (identifier: string) => awaited(identifier, 1_000);

  it('is gone after a day, with its identifier free again', async () => {
    const { keystore } = await inMemory();
    await addPendingIntegration(keystore, ada, wanted('a'));
    const at = async (now: number) => (await readIntegrations(keystore, ada, 'desk', now)).items.length;
    expect([await at(1_000 + DAY - 1), await at(1_000 + DAY)]).toEqual([1, 0]);
    const all = await readAllIntegrations(keystore, ada, ['desk'], 1_000 + DAY);
    expect(all.get('desk')?.items).toEqual([]);
    expect((await add(keystore, ada, 'a')).identifier).toBe('a');
  });

  it('is one, whoever else waits for it', async () => {
    const { keystore } = await inMemory();
    const [first, second] = await Promise.all(
      [1, 2].map(() => addPendingIntegration(keystore, ada, awaited('a', LATER))),
    );
    expect(second).toEqual(first);
    await removePending(keystore, ada, 'desk', 'b');
    expect((await readIntegrations(keystore, ada, 'desk')).items).toEqual([first]);
    await removePending(keystore, ada, 'desk', 'a');
    expect((await readIntegrations(keystore, ada, 'desk')).items).toEqual([]);
    expect(await locateIntegration(keystore, 'org', first?.id ?? '')).toBeUndefined();
  });

  it('is found by its id for as long as it is there, and for ever once it is connected', async () => {
    const { keystore } = await inMemory();
    const pending = await addPendingIntegration(keystore, ada, { ...awaited('a', LATER), pendingUntil: LATER + 1_500 });
    const lost = await addPendingIntegration(keystore, ada, { ...awaited('b', LATER), pendingUntil: LATER + 1_500 });
    await connectPending(keystore, ada, pending, account('a', LATER), credentialOf('a'));
    await removePending(keystore, ada, 'desk', 'a');
    const there = ({ id }: Integration) => locateIntegration(keystore, 'org', id);
    await vi.waitFor(async () => expect(await there(lost)).toBeUndefined(), 10_000);
    expect(await there(pending)).toEqual({ user: 'ada', connector: 'desk' });
    expect((await readIntegrations(keystore, ada, 'desk')).items).toMatchObject([{ id: pending.id }]);
  });

  it('cannot be connected once it is gone, and leaves no credential', async () => {
    const place = await inMemory();
    const pending = await addPendingIntegration(place.keystore, ada, wanted('a'));
    const late = connectPending(place.keystore, ada, pending, account('a', 1_000 + DAY), credentialOf('a'));
    expect(await codeOf(late)).toBe('integration_unknown');
    expect(await credentialsIn(place)).toBe(0);
  });

  it('is connected by one of those who do it at once, with that one’s credential', async () => {
    const place = await inMemory();
    const { keystore } = place;
    const pending = await addPendingIntegration(keystore, ada, wanted('a'));
    const codes = await Promise.all(
      ['x', 'y', 'z'].map((label) => {
        const found = { ...account('a', 2_000), account: { label } };
        return codeOf(connectPending(keystore, ada, pending, found, credentialOf(label)));
      }),
    );
    expect(codes.toSorted()).toEqual(['integration_exists', 'integration_exists', undefined]);
    const all = await readIntegrations(keystore, ada, 'desk');
    expect(all).toMatchObject({ items: [{ id: pending.id, createdAt: 2_000 }], default: pending.id });
    expect(all.items[0]).not.toHaveProperty('pendingUntil');
    expect(await tokenOf(keystore, ada, 'desk', pending.id)).toBe(`token of ${all.items[0]?.account.label}`);
  });

  it('keeps the name that it was given meanwhile', async () => {
    const { keystore } = await inMemory();
    const pending = await addPendingIntegration(keystore, ada, awaited('a', LATER));
    await renameIntegration(keystore, ada, 'desk', 'a', 'b');
    const connected = await connectPending(keystore, ada, pending, account('a', LATER), credentialOf('a'));
    expect(connected).toMatchObject({ id: pending.id, identifier: 'b' });
  });

  it('is nothing to another user who knows its id', async () => {
    const place = await inMemory();
    const pending = await addPendingIntegration(place.keystore, ada, awaited('a', LATER));
    const bob = principal('org', 'bob');
    const stolen = connectPending(place.keystore, bob, pending, account('a', LATER), credentialOf('b'));
    expect(await codeOf(stolen)).toBe('integration_unknown');
    expect(await locateIntegration(place.keystore, 'org', pending.id)).toMatchObject({ user: 'ada' });
    expect((await readIntegrations(place.keystore, ada, 'desk')).items).toEqual([pending]);
    expect(await credentialsIn(place)).toBe(0);
  });
});

describe('a disabled account', () => {
  it('keeps since when, and serves nothing, nor does another in its place', async () => {
    const { keystore } = await inMemory();
    await add(keystore, ada, 'a');
    await add(keystore, ada, 'b');
    await setDisabled(keystore, ada, 'desk', 'a', 5);
    const all = await setDisabled(keystore, ada, 'desk', 'a', 9);
    expect(all.items.map((it) => it.disabledAt)).toEqual([5, undefined]);
    for (const name of [undefined, 'a']) {
      expect(() => resolveIntegration(all, 'desk', name)).toThrow(
        expect.objectContaining({
          code: 'integration_disabled',
          status: 409,
          hint: expect.stringContaining('tieline integrations enable desk a'),
        }),
      );
    }
    expect(resolveIntegration(all, 'desk', 'b').identifier).toBe('b');
    const enabled = await setDisabled(keystore, ada, 'desk', 'a', undefined);
    expect(resolveIntegration(enabled, 'desk').identifier).toBe('a');
  });
});

describe('an account whose access its owner ended', () => {
  it('keeps name, identity and place, and nothing that authenticates', async () => {
    const { keystore } = await inMemory();
    const first = await add(keystore, ada, 'a');
    const before = await readIntegrations(keystore, ada, 'desk');
    await wipeCredential(keystore, ada, first, 7);
    expect(await readIntegrations(keystore, ada, 'desk')).toEqual(before);
    expect((await keystore.read<Credential>(credentialKey(ada, 'desk', first.id)))?.value).toEqual({
      version: 2,
      input: {},
      values: {},
      obtainedAt: 7,
      failure: expect.objectContaining({ cause: 'revoked', at: 7 }),
    });
  });
});

describe('two users', () => {
  const odd = fc.constantFrom(
    '',
    '.',
    '..',
    ':',
    '_',
    '%',
    '\0',
    '*',
    'ada',
    'ada.bob',
    'YWRh',
    '__proto__',
    '\ud800',
    '\udc00',
    '\ufffd',
    'é',
    'e\u0301',
    'A'.repeat(300),
  );
  const text = fc.oneof(
    odd,
    fc.string({ unit: 'binary' }),
    fc.string().map((it) => `${it}.${it}`),
  );
  const person = fc.tuple(text, text);
  /** Two that are one when organization and user are put together. */
  const splits = fc
    .tuple(fc.constantFrom('', '.', ':', '/', '\0'), text, text, text)
    .map(([joint, x, y, z]): [[string, string], [string, string]] => [
      [`${x}${joint}${y}`, z],
      [x, `${y}${joint}${z}`],
    ]);
  const pair = fc.oneof(fc.tuple(person, person), splits).filter(([[o1, u1], [o2, u2]]) => o1 !== o2 || u1 !== u2);

  it('never see or touch each other’s accounts, whatever they are called', async () => {
    await fc.assert(
      fc.asyncProperty(pair, fc.array(command, { maxLength: 8 }), async ([[o1, u1], [o2, u2]], commands) => {
        const [a, b] = [principal(o1, u1), principal(o2, u2)];
        const place = await watched(memoryStore(), memoryKeyring());
        const { keystore } = place;
        for (const name of ['a', 'b', 'c']) await add(keystore, a, name);
        const rowsOfA = await place.rows();
        expect(await readIntegrations(keystore, b, 'desk')).toEqual({ items: [], default: null });
        const model = new Model();
        for (const it of commands) {
          // As B, every name of A's answers as one that nobody has.
          expect(await codeOf(run(keystore, b, it))).toBe(model.run(it));
        }
        const now = await place.rows();
        for (const [key, row] of rowsOfA) expect(now.get(key)).toBe(row);
        expect((await readIntegrations(keystore, b, 'desk')).items).toHaveLength(model.items.length);
      }),
    );
  });

  it('cannot tell an account of the other from one that is not there', async () => {
    const { keystore } = await inMemory();
    const bob = principal('org', 'bob');
    const { id } = await add(keystore, ada, 'secret-project');
    for (const act of ['remove', 'default', 'rename', 'connect', 'disable', 'enable'] as const) {
      for (const name of ['secret-project', id]) {
        const error = await failureOf(run(keystore, bob, { act, name, other: 'x', at: 0 }));
        const unknown = await failureOf(run(keystore, bob, { act, name: 'nothing', other: 'x', at: 0 }));
        expect(error.message.replace(name, 'nothing')).toBe(unknown.message);
        expect([error.code, error.hint]).toEqual([unknown.code, unknown.hint]);
      }
    }
    expect(await tokenOf(keystore, bob, 'desk', id)).toBeUndefined();
    expect(await tokenOf(keystore, ada, 'desk', id)).toBe('token of secret-project');
  });

  it('share the app of their organization, and of no other', async () => {
    const { keystore } = await inMemory();
    await writeApp(keystore, 'org', 'desk', { clientId: 'c' });
    expect(await readApp(keystore, 'org', 'desk')).toEqual({ clientId: 'c' });
    expect(await readApp(keystore, 'other', 'desk')).toEqual({});
    expect(await readApp(keystore, 'org', 'mail')).toEqual({});
  });
});
