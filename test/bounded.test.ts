import { describe, expect, it } from 'vitest';
import { type Bound, BoundedMap, sizeOfText } from '../src/bounded.ts';

const small: Bound = { name: 'a test', entries: 3, bytes: 1_000, atBound: 'the oldest goes' };

describe('BoundedMap', () => {
  it('lets go of what was used longest ago', () => {
    const map = new BoundedMap<string>(small, sizeOfText);
    for (const key of ['a', 'b', 'c']) map.set(key, key);
    map.get('a');
    map.set('d', 'd');
    expect(['a', 'b', 'c', 'd'].filter((it) => map.has(it))).toEqual(['a', 'c', 'd']);
  });

  it('never holds more bytes than its bound, whatever comes', () => {
    const map = new BoundedMap<string>(small, sizeOfText);
    for (let i = 0; i < 100; i++) {
      map.set(`key ${i}`, 'x'.repeat((i * 37) % 700));
      expect(map.bytes).toBeLessThanOrEqual(small.bytes);
    }
    expect(map.size).toBeGreaterThan(0);
  });

  it('does not keep what alone is larger than the bound, in key or value', () => {
    const map = new BoundedMap<string>(small, sizeOfText);
    map.set('a', 'x'.repeat(10_000)).set('y'.repeat(10_000), 'b').set('c', 'c');
    expect(map.size).toBe(1);
  });
});
