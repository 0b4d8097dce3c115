import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
import { freshCredential } from '../../src/auth/fresh.ts';
import type { AuthOption } from '../../src/connector/connector.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
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

const link = async (more: Partial<Credential>) =>
  storedAccount(sandbox, option, { ...(await authorize(sandbox, option, 'ada')), ...more });

/** How many token requests `work` caused. */
async function counting<T>(work: () => Promise<T>): Promise<{ value: T; requests: number }> {
  const before = sandbox.observed.tokenRequests.length;
  const value = await work();
  return { value, requests: sandbox.observed.tokenRequests.length - before };
}

describe('a refresh under way that has outlived its lease, as when the machine slept', () => {
  const due = () => ({ obtainedAt: Date.now() - 50_000, expiresAt: Date.now() + 10_000 });

  /** A refresh that has asked the provider and waits for the answer until it is released. */
  async function begin(account: Stored, now: () => number) {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let arrive = () => {};
    const asked = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const real = account.options().renew;
    const renew = async (it: Credential) => {
      const granted = await real?.(it);
      arrive();
      await released;
      return { values: {}, ...granted, expiresAt: now() + 60_000 };
    };
    const first = freshCredential(account.options({ now, renew }));
    await asked;
    return { first, release };
  }

  it('is waited for by those of its process whose token is over since', async () => {
    const account = await link(due());
    let shift = 0;
    const now = () => Date.now() + shift;
    const { value, requests } = await counting(async () => {
      const { first, release } = await begin(account, now);
      shift = 200_000;
      const second = freshCredential(account.options({ now }));
      // Long enough for it to take the lease and ask, if it were to.
      for (let i = 0; i < 100; i++) await account.read();
      release();
      return [await first, await second];
    });
    expect(requests).toBe(1);
    expect(value.map((it) => it.version)).toEqual([2, 2]);
    expect(await meStatus(sandbox, String(value[1]?.values.accessToken))).toBe(200);
  });

  it('is left alone by those whose token still works', async () => {
    const account = await link({ ...due(), expiresAt: Date.now() - 1 });
    const { value, requests } = await counting(async () => {
      const { first, release } = await begin(account, Date.now);
      // Their clock says that the lease is over, and that the token is not: it was put back meanwhile.
      const other = await freshCredential(account.options({ now: () => Date.now() - 5_000 }));
      release();
      return [other, await first];
    });
    expect(requests).toBe(1);
    expect(value.map((it) => it.version)).toEqual([1, 2]);
  });
});
