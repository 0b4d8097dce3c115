import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Lease, type LeaseOptions, leaseHolder, takeLease } from '../../src/keystore/lease.ts';
import { type ProcessMark, processMark } from '../../src/keystore/processmark.ts';
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
      expect(await lease.stillMine()).toBe(true);
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
    expect(error).toMatchObject({ code: 'refresh_busy', status: 503, retryAfter: 5, hint: expect.any(String) });
    expect(await lease.stillMine()).toBe(true);
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
    expect(await lease.stillMine()).toBe(true);
  });

  /** As some process would have left it. */
  const leave = (process: Partial<ProcessMark>, ttlMs = 100) =>
    one.set(
      key,
      JSON.stringify({ owner: 'theirs', fence: 7, beat: 3, ttlMs, process: { ...processMark(), ...process } }),
    );

  it('is taken over at once from a process of this machine that is gone', async () => {
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    await leave({ pid: gone }, 60_000);
    expect((await taken(two)).fence).toBe(8);
    // Its id was given to another since.
    await leave({ started: '1' }, 60_000);
    expect((await taken(two)).fence).toBe(8);
  });

  it.each<Partial<ProcessMark>>([{ place: 'elsewhere', pid: 1 }, { place: 'elsewhere' }])(
    'is taken over from a process elsewhere (%o) once it was seen unchanged for as long as it is good',
    async (elsewhere) => {
      await leave(elsewhere, 300);
      const began = performance.now();
      expect((await taken(two, { waitMs: 20_000 })).fence).toBe(8);
      expect(performance.now() - began).toBeGreaterThanOrEqual(300);
    },
  );

  it('is not taken over from one that was just seen, whatever any clock says', async () => {
    await leave({ place: 'elsewhere' }, 60_000);
    expect((await failureOf(taken(two))).code).toBe('refresh_busy');
    await leave({ place: 'elsewhere' }, 1);
    expect((await failureOf(taken(two))).code).toBe('refresh_busy');
  });

  it('is waited for ten times longer where its process is seen to live', async () => {
    await leave({}, 60);
    const began = performance.now();
    expect((await taken(two, { waitMs: 20_000 })).fence).toBe(8);
    expect(performance.now() - began).toBeGreaterThanOrEqual(600);
  });

  it('is kept by an owner that lives, however long that takes', async () => {
    const lease = await taken(one, { ttlMs: 400 });
    // Seen from another machine.
    const record = JSON.parse((await one.get(key)) ?? '');
    const away = { ...one, get: async () => hidden(await one.get(key)) };
    const hidden = (text = '') => JSON.stringify({ ...JSON.parse(text), process: { host: 'other', pid: 1 } });
    expect((await failureOf(takeLease(away, key, options({ waitMs: 1_500 })))).code).toBe('refresh_busy');
    expect(await lease.stillMine()).toBe(true);
    expect(JSON.parse((await one.get(key)) ?? '').beat).toBeGreaterThan(record.beat);
    await lease.release();
  });

  it('is lost for good to whoever took it over', async () => {
    const late = await taken(one);
    await one.delete(key);
    const lease = await taken(two);
    expect(await late.stillMine()).toBe(false);
    await late.release();
    expect(await lease.stillMine()).toBe(true);
    expect((await failureOf(taken(one))).code).toBe('refresh_busy');
  });

  it('is over after its release', async () => {
    const lease = await taken(one);
    await lease.release();
    expect(await lease.stillMine()).toBe(false);
  });

  it('tells who holds it', async () => {
    expect(await leaseHolder(one, key)).toBeUndefined();
    const lease = await taken(one);
    expect(await leaseHolder(two, key)).toEqual({ process: processMark(), isGone: false });
    await lease.release();
    expect(await leaseHolder(two, key)).toBeUndefined();
    await leave({ started: '1' });
    expect((await leaseHolder(two, key))?.isGone).toBe(true);
  });

  it('released twice is released once', async () => {
    const lease = await taken(one);
    await lease.release();
    const next = await taken(two);
    await lease.release();
    expect(await next.stillMine()).toBe(true);
  });

  it('is not waited for by a call that is canceled', async () => {
    await taken(one);
    const canceling = new AbortController();
    const waiting = failureOf(taken(two, { waitMs: 20_000, signal: canceling.signal }));
    canceling.abort();
    expect((await waiting).code).toBe('canceled');
    expect((await failureOf(taken(two, { signal: AbortSignal.abort() }))).code).toBe('canceled');
  });

  it.each([
    '',
    'null',
    '{}',
    '{"owner":1,"fence":1,"beat":1,"ttlMs":9e99}',
    '{"owner":"x","fence":1,"beat":1,"ttlMs":null}',
    '{"owner":"x","fence":1,"until":9e99}',
  ])('is not kept from anybody by the record %j', async (text) => {
    await one.set(key, text);
    expect((await taken(two)).fence).toBe(1);
  });

  it('is one per key', async () => {
    await taken(one);
    expect(await takeLease(two, storeKey('lease', 'b'), options())).not.toBe('settled');
  });
}
