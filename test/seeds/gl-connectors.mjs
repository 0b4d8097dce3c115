import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { signIn } from '../../dist/sandbox/person.js';
import { openBrowser } from './browser.mjs';
import { REDIRECT_URL } from './stage.mjs';
import { holds, matches, refused, same } from './steps.mjs';

const POSTGRES = process.env.TIELINE_TEST_POSTGRES ?? 'postgres://postgres@127.0.0.1:5432/test';

/** A link that a user began leads over the page on which they sign in: nobody else is to finish it. */
async function signInToTieline(browser, link, { identifier, secret }) {
  const { location } = await browser.open(link);
  matches(location ?? '', /\/sign-in\?next=/, 'where the link leads first');
  const organization = new URL(location).searchParams.get('organization');
  const { status } = await browser.submit(await browser.open(location), { identifier, secret, organization });
  same(status, 303, 'status of the sign-in');
}

/** Users, logins and integrations by the SDK: each sample of the document in TypeScript's words. */
export async function glConnectors(step, { server, sandbox, client, folder }) {
  const tieline = client();
  const user = await step('create_user: the secret is shown this once', async () => {
    const made = await tieline.createUser('your-user-identifier');
    matches(made.secret, /^sk-user-/, 'secret');
    same('secret' in (await tieline.users.get(made.id)), false, 'whether it is shown again');
    return made;
  });
  const ada = await step('authenticate: a token that is a bearer token', async () => {
    const login = await tieline.authenticate('your-user-identifier', user.secret);
    matches(login.token, /^eyJ/, 'token');
    holds(await login.me(), { identifier: 'your-user-identifier' }, 'who it is');
    const response = await fetch(`${server.url}/api/v1/me`, { headers: { authorization: `Bearer ${login.token}` } });
    same(response.status, 200, 'status with Authorization: Bearer');
    return login;
  });
  await step('the list of connectors, and the tools of one', async () => {
    const names = (await tieline.connectors.list()).map((it) => it.name);
    for (const name of ['github', 'gmail', 'sandbox', 'sql'])
      same([name, names.includes(name)], [name, true], 'listed');
    const { entities } = await tieline.connectors.get('github');
    same(
      entities.some((it) => it.name === 'issues'),
      true,
      'whether github has issues',
    );
  });

  const link = async (person, name) => {
    const { consentUrl } = await ada.integrations.initiate('sandbox', REDIRECT_URL, { option: 'oauth', name });
    matches(consentUrl, new RegExp(`^${server.url}/connect/`), 'URL');
    const browser = openBrowser();
    await signInToTieline(browser, consentUrl, user);
    const callback = await signIn(await browser.agree(consentUrl), person, { cookies: browser.cookies });
    const { location, html } = await browser.open(callback);
    if (location === undefined) throw new Error(html.slice(-600));
    matches(location, /^https:\/\/yourapp\.com\/oauth\/callback\?connector_id=[^&]+$/, 'where the browser ends');
  };
  await step('set up an integration: the user signs in at the URL that initiate gives', async () => {
    same(await ada.integrations.has('sandbox'), false, 'has an integration before');
    await link('ada');
    same(await ada.integrations.has('sandbox'), true, 'has an integration after');
  });
  await step('set up an integration: several, and the first is the default', async () => {
    await link('grace', 'work');
    await ada.integrations.create('sandbox', { apiKey: sandbox.apiKey('grace') }, { name: 'newest' });
    const all = await ada.integrations.list('sandbox');
    same(
      all.map((it) => [it.identifier, it.isDefault]),
      [
        ['ada', true],
        ['work', false],
        ['newest', false],
      ],
      'integrations',
    );
  });
  const call = { connector: 'sandbox', entity: 'profile', action: 'get' };
  await step('execute without an identifier: the default serves', async () => {
    same((await ada.execute(call)).data.id, 'ada', 'who it is');
  });
  await step('execute(identifier): that one serves', async () => {
    const { data, meta } = await ada.execute({ ...call, identifier: 'work' });
    same([data.id, meta.integration], ['grace', 'work'], 'who it is, and by which integration');
  });
  await step('fluent: connect(…).action(…).identifier(…).execute()', async () => {
    const action = ada.connect('sandbox').action('profile', 'get');
    same((await action.identifier('work').execute()).data.id, 'grace', 'with an identifier');
    same((await action.identifier(undefined).execute()).data.id, 'ada', 'with none');
  });
  await step('fluent: params, token by login, timeout and attempts', async () => {
    const { data } = await tieline
      .user(ada.token)
      .connect('sandbox')
      .action('tickets', 'list')
      .params({ limit: 2 })
      .timeout(10_000)
      .maxAttempts(2)
      .execute();
    same(data.length, 2, 'tickets');
  });
  await step('change the default integration', async () => {
    holds(await ada.integrations.select('sandbox', 'work'), { identifier: 'work', isDefault: true }, 'the integration');
    same((await ada.execute(call)).meta.integration, 'work', 'what serves without an identifier');
  });
  await step('delete an integration: the default stays', async () => {
    await ada.integrations.remove('sandbox', 'ada');
    same((await ada.integrations.get('sandbox')).identifier, 'work', 'default');
    await ada.integrations.create('sandbox', { apiKey: sandbox.apiKey('ada') }, { name: 'latest' });
  });
  await step('delete the default: the most recently created one becomes the default', async () => {
    await ada.integrations.remove('sandbox', 'work');
    const all = await ada.integrations.list('sandbox');
    same(
      all.filter((it) => it.isDefault).map((it) => it.identifier),
      ['latest'],
      'default',
    );
    same((await ada.execute(call)).meta.integration, 'latest', 'what serves without an identifier');
  });

  await step('custom configuration: an SQL connection to SQLite, by its fields', async () => {
    const credentials = { driver: 'sqlite', database: join(folder, 'shop.db') };
    await writeFile(credentials.database, ''); // an empty database; none is made by mistake
    await ada.integrations.create('sql', credentials, { name: 'shop' });
    await sql('shop', 'execute', 'CREATE TABLE cups (id INTEGER, colour TEXT)');
    await sql('shop', 'execute', 'INSERT INTO cups VALUES (:id, :colour)', { id: 1, colour: 'blue' });
    const rows = await sql('shop', 'query', 'SELECT colour FROM cups WHERE id = :id', { id: 1 });
    same(rows, [{ colour: 'blue' }], 'rows');
  });
  if (await hasPostgres()) {
    await step('custom configuration: an SQL connection to PostgreSQL, by its URL', async () => {
      await ada.integrations.create('sql', { url: POSTGRES }, { name: 'postgres' });
      const rows = await sql('postgres', 'query', 'SELECT CAST(:n AS int) + 1 AS n', { n: 41 });
      same(rows, [{ n: 42 }], 'rows');
    });
  }
  async function sql(identifier, action, statement, parameters) {
    const params = { statement, ...(parameters && { parameters }) };
    return (await ada.execute({ connector: 'sql', entity: 'statements', action, identifier, params })).data;
  }

  await step('refused: a wrong client key', () =>
    refused(
      () => client({ apiKey: `sk-client-${randomBytes(8).toString('hex')}` }).createUser('other'),
      'unauthenticated',
    ),
  );
  await step('refused: the same identifier twice', () =>
    refused(() => tieline.createUser('your-user-identifier'), 'user_exists'),
  );
  await step('refused: a wrong secret', () =>
    refused(() => tieline.authenticate('your-user-identifier', 'sk-user-xxx'), 'login_failed'),
  );
  await step('refused: an identifier that is not there, and no other account serves', async () => {
    const calls = sandbox.observed.apiCalls.length;
    await refused(() => ada.execute({ ...call, identifier: 'wrong' }), 'integration_unknown');
    await refused(
      () => ada.connect('sandbox').action('profile', 'get').identifier('wrong').execute(),
      'integration_unknown',
    );
    same(sandbox.observed.apiCalls.length - calls, 0, 'requests to the provider');
  });
  await step('refused: the integration of another user', async () => {
    const eve = await tieline.authenticate('eve', (await tieline.createUser('eve')).secret);
    same(await eve.integrations.list(), [], 'what the other user sees');
    await refused(() => eve.execute({ ...call, identifier: 'latest' }), 'integration_unknown');
  });
}

/** Whether the server of the other tests is there. */
function hasPostgres() {
  const { hostname, port } = new URL(POSTGRES);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port || 5432), timeout: 3_000 });
    const end = (isThere) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}
