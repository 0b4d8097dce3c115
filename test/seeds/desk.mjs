import { randomBytes } from 'node:crypto';
import { listen, Refusal } from './listener.mjs';

const newToken = () => `desk-${randomBytes(12).toString('hex')}`;
const basic = (user, password) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const refuse = (status, error) => {
  throw new Refusal(status, { error });
};

/**
 * An API over HTTPS, below one path for each way to authenticate, and another host that gives tokens; each with the
 * certificate of an authority that nobody trusts unless told to. Both check what they are sent.
 */
export async function startDesk({ deskAuthority, loginAuthority }) {
  const secrets = { password: 'desk-password-1', token: 'raw-token-of-this-run', client: 'desk-client-secret' };
  const tokens = { login: new Set(), stream: new Set(), client: new Set() };
  const logins = [];

  const give = (kind) => {
    const token = newToken();
    tokens[kind].add(token);
    logins.push(kind);
    return token;
  };
  const isOne = (kind, header, prefix) =>
    header?.startsWith(`${prefix} `) && tokens[kind].has(header.slice(prefix.length + 1));

  const CHECKS = {
    open: (headers) => headers.authorization === undefined,
    basic: (headers) => headers.authorization === basic('ada', secrets.password),
    nopassword: (headers) => headers.authorization === basic('ada', ''),
    login: (headers) => isOne('login', headers.authorization, 'Bearer'),
    stream: (headers) => isOne('stream', headers['x-session'], 'Session'),
    raw: (headers) => headers['x-raw'] === `Key ${secrets.token}`,
    client: (headers) => isOne('client', headers.authorization, 'Bearer'),
  };

  /** Token by request, with everything that such a request may have. */
  function login({ method, url, headers, body }) {
    const wanted = { path: '/api/main/login', method: 'POST', kind: 'desk', client: 'tieline' };
    const came = { path: url.pathname, method, kind: url.searchParams.get('kind'), client: headers['x-client'] };
    if (JSON.stringify(came) !== JSON.stringify(wanted)) refuse(400, `came ${JSON.stringify(came)}`);
    const form = Object.fromEntries(new URLSearchParams(body));
    const { user, password } = form;
    if (user !== 'ada' || password !== secrets.password) refuse(401, 'wrong password');
    return { json: { access_token: give('login'), expires_in: 1 } };
  }

  const desk = await listen(
    (request) => {
      const { url, headers } = request;
      if (url.pathname.endsWith('/login')) return login(request);
      const [, kind, rest] = /^\/api\/(\w+)(\/.+)$/.exec(url.pathname) ?? [];
      if (!Object.hasOwn(CHECKS, kind ?? '')) refuse(404, 'no such way');
      if (!CHECKS[kind](headers)) refuse(401, 'not authenticated');
      if (rest === '/health') return { json: { ok: true } };
      if (rest === '/down') return { status: 503, json: { ok: false } };
      const [, id] = /^\/tickets\/(\d+)$/.exec(rest) ?? refuse(404, 'no such path');
      return { json: { id, via: kind } };
    },
    await deskAuthority.issue('localhost'),
  );

  /** The other host: a redirect to a stream of events with the token in it, and OAuth client credentials. */
  const loginHost = await listen(
    ({ method, url, headers, body }) => {
      const at = `${method} ${url.pathname}`;
      if (at === 'PUT /start') return { status: 307, headers: { location: `/session${url.search}` } };
      if (at === 'PUT /session') {
        const given = JSON.parse(body);
        if (given.key !== secrets.token || given.days !== 3) refuse(401, 'wrong key');
        const data = JSON.stringify({ session: { token: give('stream'), minutes: 60 } });
        return {
          headers: { 'content-type': 'text/event-stream' },
          text: `event: wait\ndata: {}\n\nevent: session\ndata: ${data}\n\n`,
        };
      }
      if (at !== 'POST /token') refuse(404, 'no such path');
      const form = new URLSearchParams(body);
      const isByHeader = headers.authorization === basic('desk-client', secrets.client) && !form.has('client_secret');
      const isByForm = form.get('client_id') === 'desk-client' && form.get('client_secret') === secrets.client;
      if (form.get('grant_type') !== 'client_credentials' || form.get('scope') !== 'tickets health')
        refuse(400, 'invalid_scope');
      if (isByHeader === isByForm) refuse(401, 'invalid_client');
      logins.push(isByHeader ? 'by header' : 'by form');
      return { json: { access_token: give('client'), token_type: 'Bearer', expires_in: 3_600 } };
    },
    await loginAuthority.issue('localhost'),
  );

  const close = () => Promise.all([desk.close(), loginHost.close()]);
  return { origin: desk.origin, loginOrigin: loginHost.origin, secrets, logins, close };
}
