import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
import { type FreshOptions, freshCredential, refreshesDone } from '../../src/auth/fresh.ts';
import type { AuthOption } from '../../src/connector/connector.ts';
import { isTielineError, TielineError } from '../../src/errors.ts';
import { memoryKeyring } from '../../src/keystore/keyring.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { memoryStore } from '../../src/keystore/memory.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { failureOf } from '../keystore/failure.ts';
import { meStatus } from '../sandbox/client.ts';
import { authorize, type Stored, storedAccount } from './account.ts';
import { optionOf, sandboxConnector } from './option.ts';

let sandbox: Sandbox;
let option: AuthOption;

beforeAll(async () => {
  sandbox = await startSandbox();
  option = optionOf(await sandboxConnector(), 'oauth');
});
afterAll(() => sandbox.close());

const link = async (person = 'ada', more: Partial<Credential> = {}) =>
  storedAccount(sandbox, option, { ...(await authorize(sandbox, option, person)), expiresAt: Date.now() - 1, ...more });

const many = <T>(count: number, work: () => Promise<T>) => Promise.all(Array.from({ length: count }, work));

/** How many token requests `work` caused. */
async function counting<T>(work: () => Promise<T>): Promise<{ value: T; requests: number }> {
  const before = sandbox.observed.tokenRequests.length;
  const value = await work();
  return { value, requests: sandbox.observed.tokenRequests.length - before };
}

const tokenOf = ({ values }: Credential) => String(values.accessToken);

describe('a credential whose time is over', () => {
  it('is refreshed once for fifty callers, who all get the same one, and it works', async () => {
    const account = await link();
    const { value, requests } = await counting(() => many(50, () => freshCredential(account.options())));
    expect(requests).toBe(1);
    expect(new Set(value.map((it) => it.version))).toEqual(new Set([2]));
    expect(new Set(value.map(tokenOf)).size).toBe(1);
    expect(await meStatus(sandbox, tokenOf(await account.read()))).toBe(200);
  });

  it('is refreshed each time it runs out, with the refresh token of the time before', async () => {
    const account = await link();
    const tokens = new Set<unknown>();
    for (let i = 1; i <= 10; i++) {
      // As late as the token lasts: a minute.
      const { value } = await counting(() => freshCredential(account.options({ now: () => Date.now() + i * 120_000 })));
      expect(value.version).toBe(1 + i);
      tokens.add(value.values.refreshToken);
    }
    expect(tokens.size).toBe(10);
    expect(await meStatus(sandbox, tokenOf(await account.read()))).toBe(200);
  });

  it('is left alone while it is not due', async () => {
    const account = await link('ada', { obtainedAt: Date.now(), expiresAt: Date.now() + 60_000 });
    const { value, requests } = await counting(() => many(5, () => freshCredential(account.options())));
    expect(requests).toBe(0);
    expect(value.map((it) => it.version)).toEqual([1, 1, 1, 1, 1]);
  });

  it('is in the store before any caller has it', async () => {
    const account = await link();
    const events: string[] = [];
    const keystore = await copyOf(account, async (save) => {
      const isSaved = await save();
      events.push(`saved ${isSaved}`);
      return isSaved;
    });
    const served = await freshCredential(account.options({ keystore })).then((it) => {
      events.push('served');
      return it;
    });
    expect(events).toEqual(['saved true', 'served']);
    expect((await keystore.read(account.key))?.value).toEqual(served);
  });

  it('is not handed out when it could not be saved', async () => {
    const account = await link();
    const keystore = await copyOf(account, () => Promise.reject(new TielineError('store_unavailable', 'disk full')));
    expect((await failureOf(freshCredential(account.options({ keystore })))).code).toBe('store_unavailable');
    expect((await keystore.read<Credential>(account.key))?.value.version).toBe(1);
  });
});

/** The account in a keystore of its own, whose saving goes through `save`. */
async function copyOf(account: Stored, save: (go: () => Promise<boolean>) => Promise<boolean>): Promise<Keystore> {
  const store = memoryStore();
  let isWatched = false;
  const keystore = await Keystore.open({
    keyring: memoryKeyring(),
    store: {
      ...store,
      replace: (...args) => (isWatched ? save(() => store.replace(...args)) : store.replace(...args)),
    },
  });
  await keystore.write(account.key, await account.read());
  isWatched = true;
  return keystore;
}

describe('a version that the provider refused', () => {
  const fresh = { obtainedAt: Date.now(), expiresAt: Date.now() + 60_000 };

  it('is refreshed once for all who were refused with it, although its time is not over', async () => {
    const account = await link('ada', fresh);
    const ask = () => freshCredential(account.options({ rejectedVersion: 1 }));
    const { value, requests } = await counting(() => many(20, ask));
    expect(requests).toBe(1);
    expect(new Set(value.map((it) => it.version))).toEqual(new Set([2]));
  });

  it('is not refreshed again by those who come late', async () => {
    const account = await link('ada', { ...fresh, version: 7 });
    const { value, requests } = await counting(() => freshCredential(account.options({ rejectedVersion: 6 })));
    expect(requests).toBe(0);
    expect(value.version).toBe(7);
  });

  it('is given up where nothing renews it', async () => {
    const account = await link('ada', fresh);
    const options = { renew: undefined, rejectedVersion: 1 };
    expect((await failureOf(freshCredential(account.options(options)))).code).toBe('token_rejected');
    expect((await freshCredential(account.options({ renew: undefined }))).version).toBe(1);
  });
});

describe('an authorization that is over', () => {
  it('is asked for once and remembered, and the provider is left alone from then on', async () => {
    const account = await link('grace');
    sandbox.revoke('grace');
    const ask = () => failureOf(freshCredential(account.options()));
    const { value, requests } = await counting(() => many(20, ask));
    expect(requests).toBe(1);
    expect(new Set(value.map((it) => it.code))).toEqual(new Set(['reauthorization_required']));
    const stored = await account.read();
    expect(stored).toMatchObject({ version: 2, failure: { code: 'reauthorization_required', at: expect.any(Number) } });
    const later = await counting(async () => [
      await ask(),
      await failureOf(freshCredential(account.options({ rejectedVersion: 1 }))),
      await failureOf(freshCredential(account.options({ rejectedVersion: 2 }))),
    ]);
    expect(later.requests).toBe(0);
    for (const error of later.value) {
      expect(error).toMatchObject({ code: 'reauthorization_required', message: value[0]?.message });
      expect(error.hint).toBeDefined();
    }
    expect(await account.read()).toEqual(stored);
  });

  it('is over even while the access token would still last', async () => {
    const now = Date.now();
    const account = await link('grace', { obtainedAt: now - 50_000, expiresAt: now + 10_000 });
    sandbox.revoke('grace');
    expect((await failureOf(freshCredential(account.options()))).code).toBe('reauthorization_required');
  });
});

describe('somebody else who saves during a refresh', () => {
  const theirs: Credential = { version: 2, input: {}, values: { accessToken: 'theirs' }, obtainedAt: Date.now() };

  /** What somebody else does between the provider's answer and the save here. */
  const meanwhile = (account: Stored, act: (stored: Credential) => Promise<unknown>): Partial<FreshOptions> => ({
    renew: async (it) => {
      const renewal = await account.options().renew?.(it);
      await act(await account.read());
      return renewal ?? { values: {} };
    },
  });

  it('is not overwritten, and theirs is used', async () => {
    const account = await link();
    const options = account.options(meanwhile(account, () => account.keystore.write(account.key, theirs)));
    expect(await freshCredential(options)).toEqual(theirs);
    expect(await account.read()).toEqual(theirs);
  });

  it('does not undo a refresh that worked with a failure of the same token', async () => {
    const account = await link();
    const failure = { code: 'reauthorization_required', message: 'reused', at: Date.now() };
    const options = account.options(
      meanwhile(account, (it) => account.keystore.write(account.key, { ...it, version: it.version + 1, failure })),
    );
    const served = await freshCredential(options);
    expect(served.version).toBe(3);
    expect(served.failure).toBeUndefined();
    expect(await account.read()).toEqual(served);
    expect(await meStatus(sandbox, tokenOf(served))).toBe(200);
  });

  it('is believed that a newer connection failed', async () => {
    const account = await link();
    const failure = { code: 'reauthorization_required', message: 'another matter', at: Date.now() };
    const failed = { ...theirs, failure };
    const options = account.options(meanwhile(account, () => account.keystore.write(account.key, failed)));
    expect(await failureOf(freshCredential(options))).toMatchObject({
      code: 'reauthorization_required',
      message: 'another matter',
    });
    expect(await account.read()).toEqual(failed);
  });

  it('has the account back at once, although the old token was refused here', async () => {
    const account = await link();
    const renew = async () => {
      await account.keystore.write(account.key, theirs);
      throw new TielineError('reauthorization_required', 'refused');
    };
    expect(await freshCredential(account.options({ renew }))).toEqual(theirs);
    expect(await account.read()).toEqual(theirs);
  });

  it('may have removed the account, which does not come back', async () => {
    const account = await link();
    const options = account.options(meanwhile(account, () => account.keystore.delete(account.key)));
    expect((await failureOf(freshCredential(options))).code).toBe('reauthorization_required');
    expect(await account.keystore.read(account.key)).toBeUndefined();
  });
});

describe('a stored record', () => {
  it('that is absent needs a new sign-in', async () => {
    const account = await link();
    await account.keystore.delete(account.key);
    const error = await failureOf(freshCredential(account.options()));
    expect(error.code).toBe('reauthorization_required');
    expect(error.hint).toBeDefined();
  });

  it.each([
    [
      'one character was changed',
      (sealed: string) => sealed.slice(0, -3) + (sealed.at(-3) === 'A' ? 'B' : 'A') + sealed.slice(-2),
    ],
    ['it was cut', (sealed: string) => sealed.slice(0, -20)],
    [
      'it is plain text',
      () => JSON.stringify({ version: 1, input: {}, values: { accessToken: 'forged' }, obtainedAt: 0 }),
    ],
    ['it is empty', () => ''],
  ])('is an error when %s: neither absent nor asked about at the provider', async (_, damage) => {
    const account = await link();
    const sealed = (await account.store.get(account.key)) ?? '';
    await account.store.set(account.key, damage(sealed));
    const { value, requests } = await counting(() => failureOf(freshCredential(account.options())));
    expect(value.code).toBe('keystore_tampered');
    expect(requests).toBe(0);
    expect(await account.store.get(account.key)).toBe(damage(sealed));
  });

  it('of another account does not serve this one', async () => {
    const [mine, other] = [await link(), await link('grace')];
    await mine.store.set(mine.key, (await other.store.get(other.key)) ?? '');
    expect((await failureOf(freshCredential(mine.options()))).code).toMatch(/^(keystore_tampered|key_wrong)$/);
  });
});

describe('refreshesDone', () => {
  it('waits until what is under way has been saved, and for failures without an error', async () => {
    const [works, fails] = [await link(), await link()];
    const running = [
      freshCredential(works.options()),
      freshCredential(fails.options({ renew: () => Promise.reject(new TielineError('refresh_failed', 'not now')) })),
    ];
    const settled = Promise.allSettled(running);
    // Both have begun once both have looked at what is stored.
    await Promise.all([works.read(), fails.read()]);
    await refreshesDone();
    expect((await works.read()).version).toBe(2);
    expect((await settled).map((it) => it.status)).toEqual(['fulfilled', 'rejected']);
    await refreshesDone();
  });
});

describe('a refresh that failed', () => {
  it('is not shared with those who ask after it', async () => {
    const account = await link();
    const refused = new TielineError('refresh_failed', 'not now');
    const renew = () => Promise.reject(refused);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, () => freshCredential(account.options({ renew }))),
    );
    expect(outcomes.filter((it) => it.status === 'rejected' && it.reason === refused)).toHaveLength(10);
    expect((await freshCredential(account.options())).version).toBe(2);
  });

  it('as a bug stays a bug, and is not remembered either', async () => {
    const account = await link();
    const error = await freshCredential(account.options({ renew: () => Promise.reject(new TypeError('bug')) })).catch(
      (it: unknown) => it,
    );
    expect(error).toBeInstanceOf(TypeError);
    expect(isTielineError(error)).toBe(false);
    expect((await freshCredential(account.options())).version).toBe(2);
  });
});
