import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTielineError } from '../../src/errors.ts';
import { open, seal, sealedWith } from '../../src/keystore/envelope.ts';
import { type Keyring, type MasterKey, masterKey } from '../../src/keystore/keyring.ts';

const ring = (...keys: [MasterKey, ...MasterKey[]]): Keyring => ({
  current: keys[0],
  find: (id) => keys.find((key) => key.id === id),
  source: 'memory',
});
const key = masterKey(randomBytes(32));
const keys = ring(key);

/** `opens`, or the code of the failure. */
function outcome(text: string, context = 'c', from = keys): string {
  try {
    open(from, context, text);
    return 'opens';
  } catch (error) {
    return isTielineError(error) ? error.code : `a bug: ${error}`;
  }
}

type Vector = { name: string; key: string; context: string; sealed: string; plaintext?: string; expect: string };
const { vectors } = JSON.parse(readFileSync(new URL('../vectors/envelope.json', import.meta.url), 'utf8')) as {
  vectors: Vector[];
};

describe('the vectors, made by another implementation', () => {
  it.each(vectors)('$name: $expect', (vector) => {
    const from = ring(masterKey(Buffer.from(vector.key, 'hex')));
    expect(outcome(vector.sealed, vector.context, from)).toBe(vector.expect);
    if (vector.plaintext === undefined) return;
    expect(open(from, vector.context, vector.sealed).toString('hex')).toBe(vector.plaintext);
  });
});

describe('a sealed text', () => {
  it('opens to what was sealed, for any bytes and any context', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.string({ unit: 'binary' }), (plaintext, context) => {
        const sealed = seal(key, context, plaintext);
        expect(sealed).toMatch(/^tl1\.[0-9a-f]{12}\.[\w-]+$/);
        expect(Buffer.compare(open(keys, context, sealed), plaintext)).toBe(0);
      }),
    );
  });

  it('shows the key it needs without that key', () => {
    expect(sealedWith(seal(key, 'c', Buffer.from('token')))).toBe(key.id);
    expect(() => sealedWith('{"token":"x"}')).toThrow(expect.objectContaining({ code: 'keystore_tampered' }));
  });

  it.each(['t', 'to', 'tok', 'token'])('does not open with any byte or character of it flipped (%s)', (plaintext) => {
    const sealed = seal(key, 'c', Buffer.from(plaintext));
    const prefix = sealed.length - sealed.split('.')[2]!.length;
    for (let at = 0; at < sealed.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const bad = Buffer.from(sealed, 'latin1');
        bad[at]! ^= 1 << bit;
        const result = outcome(bad.toString('latin1'));
        // In the prefix a flip may give another version or key id; past it there is one answer.
        expect(at < prefix ? ['key_wrong', 'keystore_tampered'] : ['keystore_tampered'], `${at}/${bit}`).toContain(
          result,
        );
      }
    }
    const [, , body = ''] = sealed.split('.');
    const box = Buffer.from(body, 'base64url');
    for (let at = 0; at < box.length * 8; at++) {
      const bad = Buffer.from(box);
      bad[at >> 3]! ^= 1 << (at & 7);
      expect(outcome(sealed.slice(0, prefix) + bad.toString('base64url')), `bit ${at}`).toBe('keystore_tampered');
    }
  });

  it('does not open when cut to any length, at either end', () => {
    const sealed = seal(key, 'c', Buffer.from('token'));
    for (let length = 0; length < sealed.length; length++) {
      expect(outcome(sealed.slice(0, length)), `the first ${length}`).toBe('keystore_tampered');
      expect(outcome(sealed.slice(sealed.length - length)), `the last ${length}`).toBe('keystore_tampered');
    }
  });

  it.each([
    ['another user', 'credential.YWxpY2U', 'credential.Ym9i'],
    ['another kind', 'credential.YQ', 'app.YQ'],
    ['a longer context', 'app.YQ', 'app.YQ.'],
    ['no context', 'app.YQ', ''],
  ])('does not open for %s', (_, here, there) => {
    const sealed = seal(key, here, Buffer.from('token'));
    expect(outcome(sealed, here)).toBe('opens');
    expect(outcome(sealed, there)).toBe('keystore_tampered');
  });

  it('opens with an earlier key on the ring, and names the one it needs when that is gone', () => {
    const next = masterKey(randomBytes(32));
    const sealed = seal(key, 'c', Buffer.from('token'));
    expect(open(ring(next, key), 'c', sealed).toString()).toBe('token');
    expect(() => open(ring(next), 'c', sealed)).toThrow(
      expect.objectContaining({ code: 'key_wrong', message: expect.stringMatching(`${key.id}.*${next.id}`) }),
    );
  });

  it('of a later format names that format and the key', () => {
    const later = seal(key, 'c', Buffer.from('token')).replace('tl1.', 'tl2.');
    expect(() => open(keys, 'c', later)).toThrow(
      expect.objectContaining({ code: 'key_wrong', message: expect.stringMatching(`format 2 .*${key.id}`) }),
    );
  });

  it('never repeats a salt or a nonce in 20,000', () => {
    const salts = new Set<string>();
    const nonces = new Set<string>();
    for (let count = 0; count < 20_000; count++) {
      const box = Buffer.from(seal(key, 'c', Buffer.of(1)).split('.')[2]!, 'base64url');
      salts.add(box.toString('hex', 0, 16));
      nonces.add(box.toString('hex', 16, 28));
    }
    expect([salts.size, nonces.size]).toEqual([20_000, 20_000]);
  });

  it('does not contain what was sealed', () => {
    const token = 'ya29.a-very-recognizable-token';
    const sealed = seal(key, 'c', Buffer.from(token));
    for (const text of [sealed, Buffer.from(sealed.split('.')[2]!, 'base64url').toString('latin1')]) {
      expect(text).not.toContain('recognizable');
    }
  });
});
