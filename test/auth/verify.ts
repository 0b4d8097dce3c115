import { createHash, createHmac, createPublicKey, randomBytes, verify } from 'node:crypto';
import { importSPKI, jwtVerify } from 'jose';
import OAuth from 'oauth-1.0a';
import type { Arrived } from '../execute/stage.ts';

/** Checks of what arrived at an API, in code that shares nothing with what signs. Each gives whether it is right. */
const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');
const hmac256 = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

export const isHeader =
  (name: string, value: string) =>
  ({ headers }: Arrived): boolean =>
    headers[name] === value;

/** The texts of a multipart form, read by the fetch of Node. */
export async function formFields({ headers, body }: Arrived): Promise<Map<string, unknown>> {
  const type = String(headers['content-type']);
  return new Map(await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData());
}

export const isBasic =
  (username: string, password: string) =>
  (request: Arrived): boolean => {
    const [scheme, pair = ''] = String(request.headers.authorization).split(' ');
    return scheme === 'Basic' && Buffer.from(pair, 'base64').toString() === `${username}:${password}`;
  };

/** A JWT of this issuer for this audience, verified by jose with a shared secret or the PEM of a public key. */
export const isJwt = (given: string, alg: string, issuer: string, audience: string) => async (request: Arrived) => {
  const token = String(request.headers.authorization).replace('Bearer ', '');
  const key = alg.startsWith('HS') ? new TextEncoder().encode(given) : await importSPKI(given, alg);
  const { payload } = await jwtVerify(token, key, { algorithms: [alg], issuer, audience, maxTokenAge: 60 });
  return payload.uri === `${request.method} ${request.url.pathname}`;
};

/** As a webhook-like API documents it: hex of the HMAC-SHA256 of time, method, path with query and body. */
export const isHmac =
  (keyId: string, secret: string) =>
  (request: Arrived): boolean => {
    const { headers, method, path, body } = request;
    const time = String(headers['x-time']);
    const content = `${time}\n${method}\n${path}\n${body}`;
    const isRecent = Math.abs(Date.now() / 1_000 - Number(time)) < 60;
    return isRecent && headers['x-key'] === keyId && headers['x-sign'] === hmac256(secret, content).toString('hex');
  };

/** "Create a signed AWS API request" of the IAM user guide, for paths and queries that need no encoding. */
export const isAws = (accessKeyId: string, secret: string, region: string, service: string) => (request: Arrived) => {
  const { headers, method, url, body } = request;
  const given = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=(\w+)$/.exec(
    String(headers.authorization),
  );
  const [, credential = '', names = '', signature] = given ?? [];
  const time = String(headers['x-amz-date']);
  const scope = [time.slice(0, 8), region, service, 'aws4_request'];
  if (credential !== [accessKeyId, ...scope].join('/')) return false;
  const signed = names.split(';').map((it) => `${it}:${String(headers[it]).trim()}\n`);
  const query = [...url.searchParams].map((it) => it.join('=')).sort();
  const canonical = [method, url.pathname, query.join('&'), signed.join(''), names, sha256(body)].join('\n');
  const key = scope.reduce<string | Buffer>(hmac256, `AWS4${secret}`);
  const text = ['AWS4-HMAC-SHA256', time, scope.join('/'), sha256(canonical)].join('\n');
  return hmac256(Buffer.from(key), text).toString('hex') === signature;
};

/** The UsernameToken of xml.com, 2003: base64(sha1(nonce + created + password)). */
export const isWsse =
  (username: string, password: string) =>
  (request: Arrived): boolean => {
    const fields = new Map(
      [...String(request.headers['x-wsse']).matchAll(/(\w+)="([^"]*)"/g)].map((it) => [it[1], it[2]]),
    );
    const digest = createHash('sha1')
      .update(`${fields.get('Nonce')}${fields.get('Created')}${password}`)
      .digest('base64');
    return fields.get('Username') === username && fields.get('PasswordDigest') === digest;
  };

export type OAuth1Account = {
  key: string;
  secret: string;
  token?: string;
  tokenSecret?: string;
  /** PEM. For RSA-SHA1. */
  publicKey?: string;
};

/** OAuth 1.0, verified by the npm package oauth-1.0a. Gives the protocol parameters, or undefined. */
export function oauth1Fields(
  request: Arrived,
  account: OAuth1Account,
  method = 'HMAC-SHA1',
): Map<string, string> | undefined {
  const header = String(request.headers.authorization);
  const fields = new Map(
    [...header.matchAll(/(oauth_\w+)="([^"]*)"/g)].map((it) => [it[1] ?? '', decodeURIComponent(it[2] ?? '')]),
  );
  const { oauth_signature: signature, ...known } = Object.fromEntries(fields);
  if (!isProtocol(known) || known.oauth_signature_method !== method) return undefined;
  const isForm = request.headers['content-type'] === 'application/x-www-form-urlencoded';
  const data = Object.fromEntries([
    ...request.url.searchParams,
    ...new URLSearchParams(isForm ? String(request.body) : ''),
  ]);
  const oauth = new OAuth({
    consumer: { key: account.key, secret: account.secret },
    signature_method: method,
    hash_function: (base, key) =>
      method === 'PLAINTEXT'
        ? key
        : createHmac(method === 'HMAC-SHA256' ? 'sha256' : 'sha1', key)
            .update(base)
            .digest('base64'),
  });
  const url = `http://${request.headers.host}${request.url.pathname}`;
  const signed = { url, method: request.method, data };
  const isSigned =
    method === 'RSA-SHA1'
      ? verify(
          'sha1',
          Buffer.from(oauth.getBaseString(signed, known)),
          createPublicKey(account.publicKey ?? ''),
          Buffer.from(signature ?? '', 'base64'),
        )
      : oauth.getSignature(signed, account.tokenSecret, known) === signature;
  const isRight = isSigned && fields.get('oauth_consumer_key') === account.key;
  return isRight && fields.get('oauth_token') === account.token ? fields : undefined;
}

/** RFC 5849 §3.1. */
const isProtocol = (fields: object): fields is OAuth.Data =>
  'oauth_consumer_key' in fields && 'oauth_nonce' in fields && 'oauth_timestamp' in fields;

export type DigestRealm = {
  readonly username: string;
  readonly password: string;
  readonly algorithm: 'MD5' | 'SHA-256';
  /** How many requests one nonce may authenticate. Any number by default. */
  readonly uses?: number;
};

/**
 * HTTP Digest with `qop=auth`, by RFC 7616 §3.4. Gives true, or the challenge to answer a request with: each count of
 * each nonce is taken once.
 */
export function digestRealm({ username, password, algorithm, uses = Number.POSITIVE_INFINITY }: DigestRealm) {
  const hash = (text: string) =>
    createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
      .update(text)
      .digest('hex');
  const counts = new Map<string, Set<string>>();
  const challenge = (more = '') => {
    const nonce = randomBytes(12).toString('base64');
    counts.set(nonce, new Set());
    return `Digest realm="the realm", nonce="${nonce}", opaque="o=1", qop="auth, auth-int", algorithm=${algorithm}${more}`;
  };
  return (request: Arrived): true | string => {
    const given = String(request.headers.authorization);
    const fields = new Map(
      [...given.matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g)].map((it) => [it[1], it[2] ?? it[3] ?? '']),
    );
    const field = (name: string) => fields.get(name) ?? '';
    const seen = counts.get(field('nonce'));
    if (!given.startsWith('Digest ') || !seen) return challenge();
    const a1 = hash(`${username}:the realm:${password}`);
    const a2 = hash(`${request.method}:${request.path}`);
    const expected = hash([a1, field('nonce'), field('nc'), field('cnonce'), 'auth', a2].join(':'));
    const isRight = field('response') === expected && field('uri') === request.path && field('opaque') === 'o=1';
    if (!isRight || field('username') !== username || field('cnonce') === '') return challenge();
    if (seen.has(field('nc')) || !/^[0-9a-f]{8}$/.test(field('nc')) || seen.size >= uses) {
      return challenge(', stale=true');
    }
    seen.add(field('nc'));
    return true;
  };
}
