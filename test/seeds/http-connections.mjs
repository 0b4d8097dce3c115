import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { makeAuthority } from './authority.mjs';
import { startDesk } from './desk.mjs';
import { holds, matches, refused, same } from './steps.mjs';
import { MAIN, tieline } from './tieline.mjs';

/** HTTP connections by `tieline connections`: every field, against an API that checks what it is sent. */
export async function httpConnections(step, { env, folder }) {
  const deskAuthority = await makeAuthority(folder, 'desk');
  const loginAuthority = await makeAuthority(folder, 'login');
  const desk = await startDesk({ deskAuthority, loginAuthority });
  try {
    await allOf(step, { env, desk, deskCa: deskAuthority.pem, loginCa: loginAuthority.pem });
  } finally {
    await desk.close();
  }
}

async function allOf(step, { env, desk, deskCa, loginCa }) {
  const connections = (args, input) => tieline(env, ['connections', ...args], input);
  const TICKETS = { tickets: { get: { request: { path: '/tickets/{{id}}' } } } };
  const given = (name, auth, more) => ({
    name,
    baseUrl: `${desk.origin}/api/${name.toLowerCase()}`,
    testPath: '/health',
    trustedCa: deskCa,
    auth,
    actions: TICKETS,
    ...more,
  });
  const create = (...all) => connections(['create', '--input', '-'], given(...all));
  const working = async (...all) => {
    const made = await create(...all);
    holds(made, { tested: true, tools: [`${all[0].toLowerCase()}_tickets_get`] }, 'the connection');
    return made;
  };

  const login = {
    type: 'http_bearer_token',
    path: '/{{tenant}}/login',
    params: { kind: 'desk' },
    headers: { 'X-Client': 'tieline' },
    body: { form: 'user={{user}}&password={{password}}' },
    outputs: { token: "body['access_token']", expiration: "body['expires_in']" },
  };
  const values = { secrets: { password: desk.secrets.password }, parameters: { tenant: 'main', user: 'ada' } };
  // Its login is not below the path of the others.
  const loginBase = { baseUrl: `${desk.origin}/api`, testPath: '/login/health' };
  const loginActions = { actions: { tickets: { get: { request: { path: '/login/tickets/{{id}}' } } } } };
  const session = {
    type: 'http_bearer_token',
    header: 'X-Session',
    prefix: 'Session',
    method: 'PUT',
    path: '/start',
    body: { raw: '{"key": "{{key}}", "days": {{days}}}' },
    outputs: {
      token: "body.find((it) => it.event === 'session').data.session.token",
      expiration: "body.find((it) => it.event === 'session').data.session.minutes * 60",
    },
    followRedirect: true,
    streamResponse: true,
    tokenBaseUrl: desk.loginOrigin,
    tokenTrustedCa: loginCa,
  };
  const key = { secrets: { key: desk.secrets.token }, parameters: { days: 3 } };
  const client = {
    type: 'client_credentials',
    tokenUrl: `${desk.loginOrigin}/token`,
    clientId: 'desk-client',
    clientSecret: desk.secrets.client,
    scope: 'tickets health',
    trustedCa: loginCa,
  };

  await inPairs([
    () =>
      step('name, base URL, description, documentation link, test path, trusted CA; no authentication', async () => {
        const more = { description: 'Tickets of the house.', documentationLink: 'https://docs.example.com/desk' };
        await working('Open', { type: 'none' }, more);
        const shown = await connections(['show', 'open']);
        holds(shown, { name: 'Open', testPath: '/health', status: 'active', ...more }, 'what is shown');
      }),
    () =>
      step('Basic Auth: username and password', () =>
        working('Basic', { type: 'basic', username: 'ada', password: desk.secrets.password }),
      ),
    () =>
      step('Basic Auth: the password may be left out', () => working('Nopassword', { type: 'basic', username: 'ada' })),
    () =>
      step('HTTP Bearer Token: parameters, headers, form, secrets, outputs as JavaScript; defaults', () =>
        working('Login', login, { ...loginBase, ...loginActions, ...values }),
      ),
    () =>
      step('HTTP Bearer Token: its header, prefix, method; raw body, redirect, stream, token host with CA', () =>
        working('Stream', session, key),
      ),
    () =>
      step('Raw Bearer Token: header, prefix and token', () =>
        working('Raw', { type: 'raw_bearer_token', header: 'X-Raw', prefix: 'Key', token: desk.secrets.token }),
      ),
    () =>
      step('OAuth 2.0: access token URL, client, scope, trusted CA, client auth by form', async () => {
        await working('Client', client);
        same(desk.logins.includes('by form'), true, 'whether the client was in the form');
      }),
  ]);
  await step('edit a connection: client auth by header; secrets that are left out stay', async () => {
    const changes = { description: 'By header.', auth: { type: 'client_credentials', clientAuth: 'basic_auth' } };
    const made = await connections(['edit', 'client', '--input', '-'], changes);
    same(made.tested, true, 'whether it was tested');
    same(desk.logins.includes('by header'), true, 'whether the client was in the header');
    holds(await connections(['show', 'client']), { description: 'By header.', lockVersion: 2 }, 'what is shown');
  });
  await step('test a connection: status and duration', async () => {
    const tested = await connections(['test', 'open']);
    holds(tested, { connector: 'open', status: 'ok' }, 'the test');
    same(typeof tested.durationMs, 'number', 'type of durationMs');
  });

  const mcp = new Client({ name: 'seeds', version: '1.0.0' });
  await mcp.connect(
    new StdioClientTransport({ command: process.execPath, args: [MAIN, 'stdio'], env, stderr: 'ignore' }),
  );
  try {
    const NAMES = ['open', 'basic', 'nopassword', 'login', 'stream', 'raw', 'client'];
    await step('each connection is a tool of an MCP client, and authenticates its calls', async () => {
      for (const name of NAMES) {
        const answer = await mcp.callTool({ name: `${name}_tickets_get`, arguments: { id: '7' } });
        same(answer.structuredContent?.data ?? answer, { id: '7', via: name }, `what ${name}_tickets_get gave`);
      }
    });
    await step('a token that expires by its expiration is asked for again', async () => {
      const before = desk.logins.filter((it) => it === 'login').length;
      await new Promise((resolve) => setTimeout(resolve, 1_100)); // it lives for one second
      const answer = await mcp.callTool({ name: 'login_tickets_get', arguments: { id: '7' } });
      same(answer.structuredContent?.data ?? answer, { id: '7', via: 'login' }, 'what the API answered');
      same(desk.logins.filter((it) => it === 'login').length - before, 1, 'logins');
    });
    await step('a connection without actions has requests for any path', async () => {
      const auth = { type: 'raw_bearer_token', header: 'X-Raw', prefix: 'Key', token: desk.secrets.token };
      await connections(['create', '--input', '-'], { ...given('Raw', auth), connector: 'plain', actions: {} });
      const params = JSON.stringify({ path: '/tickets/8' });
      const { data } = await tieline(env, ['call', 'plain', 'requests', 'get', '--params', params]);
      holds(data, { status: 200, body: { id: '8', via: 'raw' } }, 'what the API answered');
    });
  } finally {
    await mcp.close();
  }

  const isAbsent = async (name) => {
    const names = (await connections(['list'])).map((it) => it.connector);
    same(names.includes(name), false, `whether ${name} was stored`);
  };
  await inPairs([
    () =>
      step('a parameter that was not given is asked for by its name', async () => {
        const parameters = { user: 'ada' };
        const more = { ...loginBase, ...loginActions, ...values, parameters, connector: 'asking' };
        const failure = await create('Login', login, more).catch((error) => error);
        matches(`${failure.code}: ${failure.message}`, /usage: .*tenant/s, 'failure');
      }),
    () =>
      step('refused: a wrong password, and nothing is stored', async () => {
        const auth = { type: 'basic', username: 'ada', password: 'wrong' };
        await refused(() => create('Basic', auth, { connector: 'wrong' }), 'token_rejected');
        await isAbsent('wrong');
      }),
    () =>
      step('refused: an API whose certificate is not trusted', () =>
        refused(
          () => create('Open', { type: 'none' }, { connector: 'untrusted', trustedCa: undefined }),
          'upstream_unreachable',
        ),
      ),
    () =>
      step('refused: a token host whose certificate is not trusted', () =>
        refused(
          () => create('Stream', { ...session, tokenTrustedCa: undefined }, { ...key, connector: 'other' }),
          'refresh_failed',
        ),
      ),
    () =>
      step('refused: a redirect of the token request that is not to be followed', async () => {
        const before = desk.logins.length;
        const failure = await create(
          'Stream',
          { ...session, followRedirect: false },
          { ...key, connector: 'other' },
        ).catch((it) => it);
        same([typeof failure.code, desk.logins.length - before], ['string', 0], 'failure and logins');
      }),
    () =>
      step('refused: a test path that does not answer 2xx', () =>
        refused(() => create('Open', { type: 'none' }, { connector: 'down', testPath: '/down' }), 'upstream_failed'),
      ),
    () =>
      step('refused: a connection without base URL', async () => {
        const failure = await create('Open', { type: 'none' }, { baseUrl: undefined }).catch((it) => it);
        matches(`${failure.code}: ${failure.message}`, /arguments_invalid.*baseUrl/s, 'failure');
      }),
  ]);
}

/** Each step starts programs, and a machine has few processors: two steps at a time. */
async function inPairs(steps) {
  const left = [...steps];
  const lane = async () => {
    for (let run = left.shift(); run; run = left.shift()) await run();
  };
  await Promise.all([lane(), lane()]);
}
