import { fileURLToPath } from 'node:url';
import { freePort } from '../../freeport.mjs';
import { ARGUMENTS } from '../api/records.mjs';
import { openHttp } from '../drive/http.mjs';
import { LEGACY, MODERN } from '../drive/protocol.mjs';
import { openStdio } from '../drive/stdio.mjs';

/** The built program. */
export const MAIN = fileURLToPath(new URL('../../../dist/main.js', import.meta.url));

/** What everyone calls, as Tieline names it. */
const call = { name: 'bench_issues_list', arguments: ARGUMENTS };

const bearer = (token) => ({ authorization: `Bearer ${token}` });

/** On pipes, as clients on this machine start it. */
export const onStdio = (era) => ({
  name: 'Tieline',
  transport: 'stdio',
  era,
  call,
  open: ({ home, main }) => openStdio({ command: process.execPath, args: [main, 'stdio'], env: home.env }, era),
});

/** On HTTP, for a user with a personal access token. */
export const onHttp = (era) => ({
  name: 'Tieline',
  transport: 'http',
  era,
  call,
  open: async ({ home, main }) => openHttp(await serving(home, main), era),
});

async function serving({ env, users }, main) {
  const port = await freePort();
  const args = [main, 'serve', '--port', String(port)];
  return { command: process.execPath, args, env, port, headers: bearer(users[0].token) };
}

/** The same for a user who logged in, whose token is a JWT. */
const onHttpLoggedIn = {
  ...onHttp(MODERN),
  name: 'Tieline (login token)',
  open: async ({ home, main }) => {
    const program = await serving(home, main);
    const client = await openHttp(program, MODERN);
    Object.assign(program.headers, bearer(await logIn(program.port, home)));
    return client;
  },
};

async function logIn(port, { clientKey, users: [{ identifier, secret }] }) {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/auth/token`, {
    method: 'POST',
    headers: { 'x-api-key': clientKey, 'content-type': 'application/json' },
    body: JSON.stringify({ identifier, secret }),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`no login: ${JSON.stringify(body)}`);
  return body.access_token ?? body.token;
}

/** The users of a home take turns. */
export const turnsOf = ({ users }) => users.map((it) => bearer(it.token));

export const tieline = [onStdio(MODERN), onStdio(LEGACY), onHttp(MODERN), onHttp(LEGACY), onHttpLoggedIn];
