import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CLOCK_TOLERANCE_MS, type Lease, type LeaseOptions, takeLease } from '../../src/keystore/lease.ts';
import { type Store, storeKey } from '../../src/keystore/store.ts';
import { failureOf } from '../keystore/failure.ts';
import type { Place } from './places.ts';

/** What every lease promises, whatever the store is. */
export function leaseContract(makePlace: () => Promise<Place>): void {
  const key = storeKey('lease', 'a');
  let place: Place;
  let one: Store;
  let two: Store;

  beforeEach(async () => {
    place = await makePlace();
    one = await place.open();
    two = await place.open();
  });
  afterEach(async () => {
    await Promise.all([one.close(), two.close()]);
  });

  const options = (changed: Partial<LeaseOptions> = {}): LeaseOptions => ({
    ttlMs: 30_000,
    waitMs: 0,
    now: Date.now,
    ...changed,
  });

  async function taken(store: Store, changed?: Partial<LeaseOptions>): Promise<Lease> {
    const lease = await takeLease(store, key, options(changed));
    if (lease === 'settled') throw new Error('expected a lease');
    return lease;
  }

  it('goes to 20 contenders on 4 handles one after the other', async () => {
    const handles = [one, two, await place.open(), await place.open()];
    const log: string[] = [];
    const contend = async (who: number): Promise<number> => {
      const lease = await taken(handles[who % 4]!, { waitMs: 20_000 });
      log.push(`enter ${who}`);
      await sleep(1);
      expect(await lease.stillMine(Date.now())).toBe(true);
      log.push(`leave ${who}`);
      await lease.release();
      return lease.fence;
    };
    const fences = await Promise.all(Array.from({ length: 20 }, (_, who) => contend(who)));
    const holders = log.filter((line) => line.startsWith('enter')).map((line) => line.slice('enter '.length));
    expect(log).toEqual(holders.flatMap((who) => [`enter ${who}`, `leave ${who}`]));
    expect(fences.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    await Promise.all(handles.map((store) => store.close()));
  });

  it('is refused while somebody holds it, with the time to wait', async () => {
    const lease = await taken(one);
    const error = await failureOf(taken(two, { waitMs: 30 }));
    expect(error).toMatchObject({ code: 'refresh_busy', status: 503, retryAfter: 30, hint: expect.any(String) });
    expect(await lease.stillMine(Date.now())).toBe(true);
  });

  it('is free as soon as it is released', async () => {
    await (await taken(one)).release();
    expect((await taken(two)).fence).toBe(2);
  });

  it('need not be taken by those who find its purpose settled', async () => {
    const lease = await taken(one);
    let isSettled = false;
    const waiting = [one, two].map((store) =>
      takeLease(store, key, options({ waitMs: 20_000, isSettled: async () => isSettled })),
    );
    await sleep(30);
    isSettled = true;
    expect(await Promise.all(waiting)).toEqual(['settled', 'settled']);
    expect(await lease.stillMine(Date.now())).toBe(true);
  });

  it('is taken over from a holder that is gone, once it is over on every clock', async () => {
    const start = Date.now();
    const first = await taken(one, { now: () => start });
    expect(first.until).toBe(start + 30_000);
    const onTime = first.until + CLOCK_TOLERANCE_MS;
    expect((await failureOf(taken(two, { now: () => onTime }))).code).toBe('refresh_busy');
    expect((await taken(two, { now: () => onTime + 1 })).fence).toBe(2);
  });

  it('is lost for good to whoever took it over', async () => {
    const late = await taken(one);
    const later = () => late.until + CLOCK_TOLERANCE_MS + 1;
    const lease = await taken(two, { now: later });
    expect(await late.stillMine(Date.now())).toBe(false);
    await late.release();
    expect(await lease.stillMine(later())).toBe(true);
    expect((await failureOf(taken(one, { now: later }))).code).toBe('refresh_busy');
  });

  it('is over at its end even if nobody takes it, and after its release', async () => {
    const lease = await taken(one);
    expect(await lease.stillMine(lease.until - 1)).toBe(true);
    expect(await lease.stillMine(lease.until)).toBe(false);
    await lease.release();
    expect(await lease.stillMine(Date.now())).toBe(false);
  });

  it('released twice is released once', async () => {
    const lease = await taken(one);
    await lease.release();
    const next = await taken(two);
    await lease.release();
    expect(await next.stillMine(Date.now())).toBe(true);
  });

  it('is not waited for by a call that is canceled', async () => {
    await taken(one);
    const canceling = new AbortController();
    const waiting = failureOf(taken(two, { waitMs: 20_000, signal: canceling.signal }));
    canceling.abort();
    expect((await waiting).code).toBe('canceled');
    expect((await failureOf(taken(two, { signal: AbortSignal.abort() }))).code).toBe('canceled');
  });

  it.each(['', 'null', '{}', '{"owner":1,"until":9e99,"fence":1}', '{"owner":"x","until":null,"fence":1}'])(
    'is not kept from anybody by the record %j',
    async (text) => {
      await one.set(key, text);
      expect((await taken(two)).fence).toBe(1);
    },
  );

  it('is one per key', async () => {
    await taken(one);
    expect(await takeLease(two, storeKey('lease', 'b'), options())).not.toBe('settled');
  });
}
