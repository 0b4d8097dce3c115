import { expect, it } from 'vitest';
import { Arrivals } from '../../src/http/arrivals.ts';

it('gives up the body that began first when there are too many bytes', () => {
  const arrivals = new Arrivals({ entries: 10, bytes: 100 });
  const refused: string[] = [];
  const first = arrivals.begin((why) => refused.push(`first ${why.code}`));
  const second = arrivals.begin(() => refused.push('second'));
  first.add(60);
  second.add(40);
  expect(refused).toEqual([]);
  second.add(1);
  expect(refused).toEqual(['first too_many_requests']);
  first.add(1_000); // what still comes of it is not kept
  expect(arrivals.bytes).toBe(41);
  first.end();
  second.end();
  second.end();
  expect(arrivals.bytes).toBe(0);
});

it('gives up the body that began first when there are too many of them', () => {
  const arrivals = new Arrivals({ entries: 2, bytes: 100 });
  const refused: number[] = [];
  for (const it of [1, 2, 3, 4]) arrivals.begin(() => refused.push(it));
  expect(refused).toEqual([1, 2]);
});
