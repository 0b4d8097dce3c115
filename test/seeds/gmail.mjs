import { googleAccounts } from './google.mjs';
import { listen, Refusal } from './listener.mjs';
import { mailbox, ROUTES } from './mailbox.mjs';

export const GMAIL_HOSTS = ['gmail.googleapis.com', 'oauth2.googleapis.com', 'accounts.google.com'];

/**
 * A stand-in for Gmail and the sign-in of Google, for the parts that the connector uses: it checks what it is sent and
 * refuses the rest as Google does. `requests` is what arrived, by host; `grants` what the token endpoint gave.
 */
export async function startGmail({ authority, person, clientId, clientSecret, callback }) {
  const certificate = await authority.issue(...GMAIL_HOSTS);
  const accounts = googleAccounts({ person, clientId, clientSecret, callback });
  const mail = mailbox(person);
  const requests = [];

  const handle = (request) => {
    const { method, url, headers, body } = request;
    requests.push({ method, host: url.hostname, path: url.pathname, query: url.searchParams, body });
    if (url.hostname === 'accounts.google.com') return accounts.authorize(request);
    if (url.hostname === 'oauth2.googleapis.com') return accounts.token(request);
    if (url.hostname !== 'gmail.googleapis.com') throw new Refusal(421, { error: `this is not ${url.hostname}` });
    const token = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
    if (!accounts.isGood(token))
      throw refusal(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.');
    const path = /^\/gmail\/v1\/users\/me(\/.+)$/.exec(url.pathname)?.[1] ?? '';
    const found = ROUTES.find((it) => it.method === method && it.path.test(path));
    if (!found) throw refusal(404, 'NOT_FOUND', 'Requested entity was not found.');
    const unknown = [...url.searchParams.keys()].filter((name) => !found.query.includes(name));
    if (unknown.length > 0) {
      throw refusal(400, 'INVALID_ARGUMENT', `Invalid JSON payload received. Unknown name "${unknown[0]}".`);
    }
    const id = decodeURIComponent(found.path.exec(path)?.[1] ?? '');
    const given = method === 'POST' ? jsonOf(body, headers['content-type']) : undefined;
    const answer = mail[found.name]({ id, query: url.searchParams, given });
    if (answer === undefined) throw refusal(404, 'NOT_FOUND', 'Requested entity was not found.');
    return { json: answer };
  };
  const server = await listen(handle, certificate);
  const detour = Object.fromEntries(GMAIL_HOSTS.map((host) => [host, `127.0.0.1:${server.port}`]));
  return {
    ...server,
    /** Where each host is reached instead: for `network.connectTo`. */
    detour,
    requests,
    clientId,
    clientSecret,
    newRefreshToken: accounts.newRefreshToken,
    newAccessToken: accounts.newAccessToken,
    grants: accounts.grants,
    expireAccessTokens: accounts.expireAccessTokens,
    sent: mail.sentMessages,
  };
}

const refusal = (code, status, message) =>
  new Refusal(code, { error: { code, message, status, errors: [{ message }] } });

function jsonOf(body, type = '') {
  if (!type.startsWith('application/json')) throw refusal(400, 'INVALID_ARGUMENT', `Content type ${type} is not JSON.`);
  try {
    return JSON.parse(body);
  } catch {
    throw refusal(400, 'INVALID_ARGUMENT', 'Invalid JSON payload received.');
  }
}
