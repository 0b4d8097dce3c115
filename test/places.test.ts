import { describe, expect, it } from 'vitest';
import { ByteBudget } from '../src/network/budget.ts';
import { once } from '../src/network/once.ts';
import { Places } from '../src/places.ts';
import { Overtaken, Turnover } from '../src/turnover.ts';

const places = (limits: Partial<ConstructorParameters<typeof Places>[1]> = {}) =>
  new Places('tests', { most: 2, waiting: { each: 3, all: 4 }, bytes: 100, ...limits });
const patient = { ms: 10_000 };

describe('places', () => {
  it('are taken without a wait while there are some, and given on in turn', async () => {
    const all = places();
    expect([all.take('a', patient), all.take('a', patient)]).toEqual([undefined, undefined]);
    const order: number[] = [];
    const waits = [1, 2, 3].map((it) => all.take('a', patient)?.then(() => void order.push(it)));
    expect(all.waiting).toBe(3);
    for (let i = 0; i < 3; i++) all.free('a');
    await Promise.all(waits);
    expect([order, all.waiting]).toEqual([[1, 2, 3], 0]);
  });

  it('of one name are not those of another', () => {
    const all = places();
    for (let i = 0; i < 2; i++) expect(all.take('slow', patient)).toBeUndefined();
    for (let i = 0; i < 2; i++) expect(all.take('good', patient)).toBeUndefined();
  });

  it('have a line that ends: by number under a name, in all, and by bytes', async () => {
    const full = { code: 'too_many_requests', retryAfter: 2, hint: expect.any(String) };
    const all = places({ most: 1 });
    for (const name of ['a', 'b', 'c']) all.take(name, patient);
    for (let i = 0; i < 3; i++) void all.take('a', patient);
    await expect(all.take('a', patient)).rejects.toMatchObject(full);
    void all.take('b', patient);
    await expect(all.take('c', patient)).rejects.toMatchObject(full);
    for (const name of ['a', 'a', 'a', 'b']) all.free(name); // nobody waits any more when this is over
    const large = places({ most: 1 });
    large.take('a', patient);
    void large.take('a', { ...patient, bytes: () => 90 });
    await expect(large.take('a', { ...patient, bytes: () => 20 })).rejects.toMatchObject(full);
    large.free('a');
    large.free('a');
    expect(large.take('a', patient)).toBeUndefined();
  });

  it('are waited for no longer than patience lasts, and not by whoever has gone', async () => {
    const all = places({ most: 1 });
    all.take('a', patient);
    await expect(all.take('a', { ms: 20 })).rejects.toMatchObject({ code: 'too_many_requests' });
    await expect(all.take('a', { ms: 0 })).rejects.toMatchObject({ code: 'too_many_requests' });
    const leaving = new AbortController();
    const waiting = all.take('a', { ...patient, signal: leaving.signal });
    leaving.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'canceled' });
    await expect(all.take('a', { ...patient, signal: leaving.signal })).rejects.toMatchObject({ code: 'canceled' });
    expect(all.waiting).toBe(0);
  });
});

it('a budget lets each in turn have its bytes, and what is larger than it alone', () => {
  const budget = new ByteBudget(100);
  const had: string[] = [];
  const take = (name: string, bytes: number) => budget.take(bytes, () => void had.push(name));
  const [a, b, c, d] = [take('a', 60), take('b', 60), take('c', 500), take('d', 10)];
  expect(had).toEqual(['a']);
  a();
  expect(had).toEqual(['a', 'b']);
  c(); // gone before its turn
  expect(had).toEqual(['a', 'b', 'd']);
  for (const end of [b, d]) end();
  expect(budget.taken).toBe(0);
  take('e', 500)();
  expect([had.at(-1), budget.taken]).toEqual(['e', 0]);
});

it('what hangs makes room for what does not, and whoever has most under way first', async () => {
  const turnover = new Turnover(4);
  const hang = () => new Promise<never>(() => undefined);
  const ended: string[] = [];
  const begin = (name: string) =>
    turnover.run(name.slice(0, 1), 60_000, hang).catch((error: unknown) => {
      if (error instanceof Overtaken) ended.push(name);
    });
  for (const name of ['b1', 'a1', 'a2', 'a3']) void begin(name);
  expect(await turnover.run('c', 1_000, async () => 7)).toBe(7);
  void begin('a4');
  void begin('d1');
  await expect.poll(() => ended).toEqual(['a1', 'a2']);
  await expect(turnover.run('e', 10, hang)).rejects.toThrow('too long');
});

it('work that failed is begun anew after a while only, and work that was done never', async () => {
  let times = 0;
  const failing = once(async () => Promise.reject(new Error(`failed ${++times}`)), 100);
  for (let i = 0; i < 5; i++) await expect(failing()).rejects.toThrow('failed 1');
  await expect.poll(() => failing().catch((it) => it.message)).toBe('failed 2');
  let made = 0;
  const making = once(async () => ++made, 0);
  expect(await Promise.all([making(), making(), making()])).toEqual([1, 1, 1]);
});
