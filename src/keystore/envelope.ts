import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { TielineError } from '../errors.ts';
import type { Keyring, MasterKey } from './keyring.ts';

const VERSION = 1;
const SALT = 16;
const NONCE = 12;
const TAG = 16;
const SHAPE = /^tl(\d{1,3})\.([0-9a-f]{12})\.([\w-]+)$/;

/**
 * Encrypts one record as `tl1.<key id>.<base64url of salt | nonce | ciphertext | tag>`, by AES-256-GCM under a key
 * which HKDF-SHA256 makes for this record alone out of the master key and the salt.
 *
 * `context` names the place the record is stored. It is authenticated but not stored, so a ciphertext copied to
 * another user's row does not open there. An older ciphertext of the same row does: sealing cannot tell its age.
 */
export function seal(key: MasterKey, context: string, plaintext: Uint8Array): string {
  const salt = randomBytes(SALT);
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', recordKey(key, salt), nonce, { authTagLength: TAG });
  cipher.setAAD(associatedData(key, context));
  const box = Buffer.concat([salt, nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return `tl${VERSION}.${key.id}.${box.toString('base64url')}`;
}

/**
 * Decrypts what `seal` wrote for the same context. Throws `key_wrong` when the key it was sealed with is not on the
 * ring or the format is newer than this program, `keystore_tampered` for everything else that does not open.
 */
export function open(keys: Keyring, context: string, sealed: string): Buffer {
  const { version, keyId, box } = parse(sealed);
  if (version !== VERSION) {
    throw new TielineError('key_wrong', `the record has format ${version} under key ${keyId}, unknown here`, {
      hint: 'Run the release of Tieline that wrote it, or a later one',
    });
  }
  const key = keys.find(keyId);
  if (key === undefined) {
    throw new TielineError('key_wrong', `the record is sealed with key ${keyId}, not with ${keys.current.id}`, {
      hint: `Provide key ${keyId} again, after the current one, in the key file or in TIELINE_KEY`,
    });
  }
  const salt = box.subarray(0, SALT);
  const nonce = box.subarray(SALT, SALT + NONCE);
  // Without authTagLength, Node 20 accepts a tag cut to 4 bytes.
  const decipher = createDecipheriv('aes-256-gcm', recordKey(key, salt), nonce, { authTagLength: TAG });
  decipher.setAAD(associatedData(key, context));
  decipher.setAuthTag(box.subarray(-TAG));
  const plaintext = decipher.update(box.subarray(SALT + NONCE, -TAG));
  try {
    return Buffer.concat([plaintext, decipher.final()]);
  } catch (cause) {
    throw tampered(cause);
  }
}

/** The id of the key a sealed text needs, read without the key. Throws `keystore_tampered` for any other text. */
export function sealedWith(sealed: string): string {
  return parse(sealed).keyId;
}

function parse(sealed: string): { version: number; keyId: string; box: Buffer } {
  const [, version, keyId, body] = SHAPE.exec(sealed) ?? [];
  if (version === undefined || keyId === undefined || body === undefined) throw tampered();
  const box = Buffer.from(body, 'base64url');
  // Decoding ignores spare bits, which would let two texts stand for one record.
  if (box.length < SALT + NONCE + TAG || box.toString('base64url') !== body) throw tampered();
  return { version: Number(version), keyId, box };
}

function tampered(cause?: unknown): TielineError {
  return new TielineError('keystore_tampered', 'a sealed record was changed, or moved from another place', {
    hint: 'Restore the keystore from a copy',
    cause,
  });
}

function recordKey(key: MasterKey, salt: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key.bytes, salt, 'tieline record v1', 32));
}

function associatedData(key: MasterKey, context: string): Buffer {
  return Buffer.from(JSON.stringify([VERSION, key.id, context]));
}
