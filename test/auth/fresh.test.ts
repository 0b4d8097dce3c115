import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
import { type FreshOptions, freshCredential } from '../../src/auth/fresh.ts';
import { refreshes, refreshesDone } from '../../src/auth/refreshes.ts';
import { refreshLeaseKey } from '../../src/auth/saving.ts';
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

/** The record of a lease whose owner this machine cannot see. */
const heldElsewhere = (ttlMs = 60_000) =>
  JSON.stringify({ owner: 'other', fence: 9, beat: 0, ttlMs, process: { host: 'elsewhere', pid: 1 } });

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
});

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
    const failure = { code: 'reauthorization_required', cause: 'refused', at: expect.any(Number) };
    expect(stored).toMatchObject({ version: 2, failure });
    expect(stored).not.toHaveProperty('attemptAt');
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

  it('is believed that the same token is over: an answer that comes later than that does not undo it', async () => {
    const account = await link();
    const failure = { code: 'reauthorization_required', cause: 'interrupted', message: 'reused', at: 1 } as const;
    const failed = (it: Credential): Credential => ({ ...it, version: it.version + 1, failure });
    const options = account.options(meanwhile(account, (it) => account.keystore.write(account.key, failed(it))));
    const { value, requests } = await counting(() => failureOf(freshCredential(options)));
    expect(value).toMatchObject({ code: 'reauthorization_required', message: 'reused' });
    expect(requests).toBe(1);
    expect(await account.read()).toMatchObject({ version: 2, failure });
  });

  it('may still be at it: theirs counts in the end, and ours serves until then', async () => {
    const account = await link();
    const lease = refreshLeaseKey(account.key);
    const options = account.options(
      meanwhile(account, async (it) => {
        // Another process has taken over, and asks as well.
        await account.store.set(lease, heldElsewhere());
        await account.keystore.write(account.key, { ...it, attemptAt: Date.now() });
      }),
    );
    const { value, requests } = await counting(() => freshCredential(options));
    expect(value).toMatchObject({ version: 2 });
    expect(value).not.toEqual(theirs);
    expect(await account.read()).toMatchObject({ version: 1 });
    await account.keystore.write(account.key, theirs);
    await account.store.delete(lease);
    await refreshesDone();
    expect(await freshCredential(options)).toEqual(theirs);
    expect(requests).toBe(1);
  });

  it('is believed that a newer connection failed', async () => {
    const account = await link();
    const failure = { code: 'reauthorization_required', cause: 'refused', message: 'another matter', at: 1 } as const;
    const failed = { ...theirs, failure };
    const options = account.options(meanwhile(account, () => account.keystore.write(account.key, failed)));
    expect(await failureOf(freshCredential(options))).toMatchObject({
      code: 'reauthorization_required',
      message: 'another matter',
    });
    expect(await account.read()).toEqual(failed);
  });

  it.each(['reauthorization_required', 'refresh_failed', 'config_invalid'] as const)(
    'has the account back at once, although there was only %s here',
    async (code) => {
      const account = await link();
      const renew = async () => {
        await account.keystore.write(account.key, theirs);
        throw new TielineError(code, 'refused');
      };
      expect(await freshCredential(account.options({ renew }))).toEqual(theirs);
      expect(await account.read()).toEqual(theirs);
    },
  );

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

describe('a lease that another process holds', () => {
  const held = async (account: Stored, ttlMs?: number) => {
    await account.store.set(refreshLeaseKey(account.key), heldElsewhere(ttlMs));
  };

  it('is waited for by those who have no other token, and by them alone', async () => {
    const now = Date.now();
    const account = await link('ada', { obtainedAt: now - 50_000, expiresAt: now + 10_000 });
    await held(account);
    const { requests } = await counting(async () => {
      const using = freshCredential(account.options());
      const refused = freshCredential(account.options({ rejectedVersion: 1 }));
      expect((await using).version).toBe(1);
      await account.keystore.write(account.key, { ...(await account.read()), version: 2, expiresAt: now + 3_600_000 });
      expect((await refused).version).toBe(2);
    });
    expect(requests).toBe(0);
  });

  it('is taken over when nothing was seen of it for as long as it is good', async () => {
    const account = await link();
    await held(account, 200);
    expect((await freshCredential(account.options())).version).toBe(2);
  });

  it('keeps nobody from a token that ends while it is held: they wait then', async () => {
    const account = await link('ada', { obtainedAt: Date.now() - 60_000, expiresAt: Date.now() + 50 });
    await held(account, 300);
    let looks = 0;
    // It still works when it is first looked at, and no more when the lease was found held.
    const { expiresAt = 0 } = await account.read();
    const now = () => (looks++ < 3 ? expiresAt - 1 : expiresAt + 1);
    expect((await freshCredential(account.options({ now }))).version).toBe(2);
  });

  it('is taken anew by an owner that slept before asking', async () => {
    const account = await link();
    const store = memoryStore();
    let hasSlept = false;
    const keystore = await Keystore.open({
      keyring: memoryKeyring(),
      store: {
        ...store,
        async replace(key, from, to) {
          // Somebody has taken it over meanwhile, and is done, when it is to be renewed.
          if (key.startsWith('lease.') && to.includes('"beat":1') && !hasSlept) {
            hasSlept = true;
            await store.delete(key);
          }
          return store.replace(key, from, to);
        },
      },
    });
    await keystore.write(account.key, await account.read());
    const seen: string[] = [];
    const watch = (message: unknown) => {
      const { step, key } = message as { step: string; key: string };
      if (key !== account.key) return;
      seen.push(step);
    };
    subscribe('tieline.refresh', watch);
    onTestFinished(() => void unsubscribe('tieline.refresh', watch));
    const { requests } = await counting(() => freshCredential(account.options({ keystore })));
    expect(seen).toEqual(['leased', 'intended', 'leased', 'intended', 'answered', 'saved']);
    expect(requests).toBe(1);
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
    await vi.waitFor(() => expect(refreshes.size).toBeGreaterThan(0), { interval: 1 });
    await refreshesDone();
    expect((await works.read()).version).toBe(2);
    expect((await settled).map((it) => it.status)).toEqual(['fulfilled', 'rejected']);
    await refreshesDone();
  });
});

describe('a refresh that failed', () => {
  it('is shared by those who waited for it, and not asked for again before its time', async () => {
    const account = await link();
    let asked = 0;
    const renew = () => {
      asked += 1;
      return Promise.reject(new TielineError('refresh_failed', 'not now'));
    };
    const start = Date.now();
    const ask = (now = start) => failureOf(freshCredential(account.options({ renew, now: () => now })));
    const first = await many(10, () => ask());
    const until = (await account.read()).trouble?.until ?? 0;
    const failures = [...first, await ask(until - 1)];
    expect(asked).toBe(1);
    expect(failures.map((it) => `${it.code} ${it.message}`)).toEqual(Array(11).fill('refresh_failed not now'));
    expect(failures.at(-1)?.retryAfter).toBe(1);
    expect((await freshCredential(account.options({ now: () => until }))).version).toBe(2);
    expect(await account.read()).not.toHaveProperty('trouble');
  });

  it('of another process is believed, but not by those whose token still works', async () => {
    const now = Date.now();
    const trouble = { code: 'refresh_failed', message: 'theirs', at: now, until: now + 60_000, count: 3 };
    const account = await link('ada', { obtainedAt: now - 50_000, expiresAt: now + 10_000, trouble });
    const { value, requests } = await counting(() =>
      Promise.all([
        freshCredential(account.options()),
        failureOf(freshCredential(account.options({ rejectedVersion: 1 }))),
      ]),
    );
    expect(value).toMatchObject([{ version: 1 }, { code: 'refresh_failed', message: 'theirs' }]);
    expect(requests).toBe(0);
  });

  it('as a bug stays a bug, and is not taken for trouble of the provider', async () => {
    const account = await link();
    const error = await freshCredential(account.options({ renew: () => Promise.reject(new TypeError('bug')) })).catch(
      (it: unknown) => it,
    );
    expect(error).toBeInstanceOf(TypeError);
    expect(isTielineError(error)).toBe(false);
    expect(await account.read()).not.toHaveProperty('trouble');
    expect((await freshCredential(account.options())).version).toBe(2);
  });
});
