import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FaultyOAuth, startFaultyOAuth } from '../../../src/sandbox/faulty/faultyoauth.ts';
import { api, refresh } from './faultyclient.ts';

let provider: FaultyOAuth;

beforeEach(async () => {
  provider = await startFaultyOAuth({ delayMs: 3_600_000 });
});

afterEach(() => provider.close());

/** The refresh, and whether it has ended. */
function started(refreshToken: string, signal?: AbortSignal) {
  const state = { ended: false };
  const answered = refresh(provider, refreshToken, signal ? { signal } : {}).finally(() => {
    state.ended = true;
  });
  return { state, answered };
}

describe('hold', () => {
  it('keeps the answer back after the tokens have rotated', async () => {
    const { refreshToken } = provider.newGrant();
    const hold = provider.hold();
    const { state, answered } = started(refreshToken);
    await hold.arrived;
    expect(provider.requests[0]?.issued).toBeDefined();
    expect((await api(provider, provider.requests[0]?.issued?.accessToken)).status).toBe(200);
    expect(state.ended).toBe(false);
    hold.release();
    expect(JSON.parse((await answered).text).refresh_token).toBe(provider.requests[0]?.issued?.refreshToken);
  });

  it('holds one request each, in order, and lets others pass', async () => {
    const grants = [provider.newGrant(), provider.newGrant(), provider.newGrant()] as const;
    const [first, second] = [provider.hold(), provider.hold()];
    const one = started(grants[0].refreshToken);
    await first.arrived;
    const two = started(grants[1].refreshToken);
    await second.arrived;
    expect((await refresh(provider, grants[2].refreshToken)).status).toBe(200);
    second.release();
    expect((await two.answered).status).toBe(200);
    expect(one.state.ended).toBe(false);
    first.release();
    expect((await one.answered).status).toBe(200);
  });

  it('a hold that is released before it is reached lets its request pass', async () => {
    const { refreshToken } = provider.newGrant();
    provider.hold().release();
    expect((await refresh(provider, refreshToken)).status).toBe(200);
  });

  it('a client that dies meanwhile has lost its new tokens', async () => {
    const { refreshToken } = provider.newGrant();
    const hold = provider.hold();
    const killed = new AbortController();
    const { answered } = started(refreshToken, killed.signal);
    await hold.arrived;
    killed.abort();
    expect((await answered).status).toBeUndefined();
    hold.release();
    expect(provider.familyAlive(refreshToken)).toBe(true);
    expect((await refresh(provider, refreshToken)).status).toBe(400);
    expect(provider.familyAlive(refreshToken)).toBe(false);
  });

  it('goes with a fault', async () => {
    const { refreshToken } = provider.newGrant();
    provider.plan('reset');
    const hold = provider.hold();
    const { answered } = started(refreshToken);
    await hold.arrived;
    hold.release();
    expect((await answered).error).toBe('ECONNRESET');
    expect((await refresh(provider, refreshToken)).status).toBe(200);
  });
});

describe('close', () => {
  it.each(['held', 'late'])('ends a request that is %s', async (how) => {
    const { refreshToken } = provider.newGrant();
    const hold = provider.hold();
    if (how === 'late') provider.plan('late_reply');
    const { state, answered } = started(refreshToken);
    await hold.arrived;
    if (how === 'late') hold.release();
    await api(provider, 'nobody');
    expect(state.ended).toBe(false);
    await provider.close();
    expect((await answered).error).toBe('UND_ERR_SOCKET');
    expect((await refresh(provider, refreshToken)).error).toBe('ECONNREFUSED');
  });
});
