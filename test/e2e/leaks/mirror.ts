import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { echoOf, sentIn } from './echo.ts';
import type { Ledger } from './ledger.ts';
import { isMishap, MISHAPS } from './mishaps.ts';

/** How the token endpoint answers: well, with a refusal, or with a mishap. Each shows what was sent there. */
export type Manner = 'well' | 'refused' | keyof typeof MISHAPS;

export type Mirror = {
  readonly url: string;
  readonly host: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** How the next requests for tokens, and for their end, are answered. */
  plan(...manners: readonly Manner[]): void;
  /** Every access token given until now is refused from now on. */
  expire(): void;
  /** Paths that were asked for. */
  readonly asked: ReadonlySet<string>;
  /** What it was sent, by what it is: `key in a header`. */
  readonly sent: ReadonlySet<string>;
  close(): Promise<void>;
};

/** What this provider refuses, wherever it stands in a credential. */
export const WRONG = 'wrong-credential';

/** Text that is a secret to be recognised. */
export const secretText = (kind: string): string => `${kind}-${randomBytes(15).toString('hex')}`;

/**
 * A provider that shows whoever calls it all the secrets that it was sent: in the body, in headers, in the reason of a
 * refusal, in the address of a redirect. It plants each one that it gives or gets.
 */
export async function startMirror(ledger: Ledger): Promise<Mirror> {
  const asked = new Set<string>();
  const sent = new Set<string>();
  const manners: Manner[] = [];
  const over = new Set<string>();
  const given = new Set<string>();
  const challenges = new Map<string, string>();
  let host = '';
  const clientSecret = ledger.plant('OAuth client secret', `${secretText('client')}/+=&"`);

  const give = (kind: string): string => {
    const token = ledger.plant(kind, secretText(kind.replaceAll(' ', '-')));
    given.add(token);
    return token;
  };
  const tokens = () => ({
    token_type: 'Bearer',
    access_token: give('access token'),
    refresh_token: give('refresh token'),
    expires_in: 3_600,
    session_key: give('session key'),
    id_token: ledger.plant('ID token', idToken(`http://${host}`)),
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
    const body = await text(request);
    const form = new URLSearchParams(body);
    asked.add(url.pathname);
    const json = (status: number, value: object, headers = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
    const secrets = sentIn(request.headers, url, body);
    for (const [what, value] of secrets) {
      sent.add(what);
      ledger.plant(what, value);
    }
    const values = secrets.map(([, value]) => value);
    const scene = { values, response, url };

    if (url.pathname === '/authorize') {
      const code = ledger.plant('authorization code', secretText('code'));
      challenges.set(code, url.searchParams.get('code_challenge') ?? '');
      const back = new URL(url.searchParams.get('redirect_uri') ?? '');
      back.searchParams.set('state', url.searchParams.get('state') ?? '');
      back.searchParams.set('code', code);
      return void response.writeHead(302, { location: back.href }).end();
    }
    if (['/token', '/login', '/revoke'].includes(url.pathname)) {
      const manner = manners.shift() ?? 'well';
      if (manner === 'refused') {
        const told = { error: 'invalid_grant', error_description: `no: ${values.join(' ')}`, ...echoOf(values) };
        return void json(400, told, headersWith(values));
      }
      if (manner !== 'well') return MISHAPS[manner]({ ...scene, values: [...values, give('access token')] });
      if (url.pathname === '/revoke') return void json(200, {});
      const code = form.get('code');
      const digest = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      if (code !== null && challenges.get(code) !== digest) return void json(400, { error: 'invalid_grant' });
      if (isWrong(body)) return void json(401, { error: 'invalid_client', ...echoOf(values) });
      return void json(200, tokens());
    }
    if (values.length === 0 || values.some((it) => isWrong(it) || over.has(it))) {
      return void json(401, { error: { message: `not good: ${values.join(' ')}` } }, headersWith(values));
    }
    if (url.pathname === '/me') return void json(200, { id: 'ada', name: 'Ada' });
    const [, place, how = ''] = url.pathname.split('/');
    if (place === 'fail' && isMishap(how)) return MISHAPS[how](scene);
    if (place === 'fail')
      return void json(Number(how), { message: `failed: ${values.join(' ')}`, ...echoOf(values) }, headersWith(values));
    if (place === 'file')
      return void response.writeHead(200, { 'content-type': 'text/plain' }).end(`you sent ${values.join(' ')}`);
    json(200, { kept: 'this stays', body, ...echoOf(values) }, headersWith(values));
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy()); // the client went away
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}`,
    host,
    clientId: 'mirror-client',
    clientSecret,
    plan: (...more) => void manners.push(...more),
    expire: () => {
      for (const token of given) over.add(token);
    },
    asked,
    sent,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Signed by nobody, which is for those to find out who read it. */
function idToken(issuer: string): string {
  const part = (it: object) => Buffer.from(JSON.stringify(it)).toString('base64url');
  const now = Math.floor(Date.now() / 1_000);
  const claims = { iss: issuer, aud: 'mirror-client', sub: secretText('subject'), iat: now, exp: now + 600 };
  return `${part({ alg: 'RS256' })}.${part(claims)}.${Buffer.from(secretText('signature')).toString('base64url')}`;
}

/** Also where it is the password in Basic. */
const isWrong = (text: string): boolean =>
  text.includes(WRONG) || Buffer.from(text, 'base64').toString().includes(WRONG);

/** Headers that show secrets too, as far as a header can hold them. */
function headersWith(values: readonly string[]): Record<string, string> {
  const shown = encodeURIComponent(values.join(' '));
  return {
    'x-echo': shown,
    'www-authenticate': `Bearer realm="mirror", error="invalid_token", error_description="${shown}"`,
    'set-cookie': `session=${shown}; Path=/`,
  };
}
