import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { agentTool, connector } from '../../dist/index.js';
import { openBrowser } from './browser.mjs';
import { curl } from './request.mjs';
import { REDIRECT_URL } from './stage.mjs';
import { holds, matches, refused, same } from './steps.mjs';
import { start } from './tieline.mjs';

const CREATE = `curl -X POST "https://HOST/api/v1/integrations/connectors" \\
-H "Authorization: Bearer <YOUR_BEARER_TOKEN>" \\
-H "Content-Type: application/json" \\
-d '{
"customer_name": "<CUSTOMER_NAME>",
"connector_type": "Gmail",
"name": "My Gmail Connector",
"credentials": {
"access_token": "<ACCESS_TOKEN>",
"refresh_token": "<REFRESH_TOKEN>",
"client_id": "<CLIENT_ID>",
"client_secret": "<CLIENT_SECRET>"
},
"replication_config": {
"include_spam_and_trash": <INCLUDE>
}
}'`;

const INITIATE = `curl -X POST "https://HOST/api/v1/integrations/connectors/oauth/initiate" \\
-H "Authorization: Bearer <YOUR_BEARER_TOKEN>" \\
-H "Content-Type: application/json" \\
-d '{
"customer_name": "<CUSTOMER_NAME>",
"connector_type": "Gmail",
"redirect_url": "${REDIRECT_URL}"
}'`;

const EXECUTE = `curl -X POST 'https://HOST/api/v1/integrations/connectors/<connector_id>/execute' \\
-H 'Authorization: Bearer <YOUR_BEARER_TOKEN>' \\
-H 'X-Organization-Id: <YOUR_ORGANIZATION_ID>' \\
-H 'Content-Type: application/json' \\
-d '{"entity": "<entity>", "action": "<action>", "params": {}}'`;

const OPENSOURCE = fileURLToPath(new URL('opensource.mjs', import.meta.url));

/** A Gmail account in hosted mode, by curl and by the SDK, and in a program of its own. */
export async function gmailAgent(step, stage) {
  const { server, gmail, authority, env, folder } = stage;
  const as = (key = server.clientKey) => ({ 'https://HOST': server.url, '<YOUR_BEARER_TOKEN>': key });
  const tokens = () => ({
    '<ACCESS_TOKEN>': gmail.newAccessToken(),
    '<REFRESH_TOKEN>': gmail.newRefreshToken(),
    '<CLIENT_ID>': gmail.clientId,
    '<CLIENT_SECRET>': gmail.clientSecret,
    '<INCLUDE>': 'true',
  });
  const create = (customer, more = {}, key) =>
    curl(CREATE, { ...as(key), '<CUSTOMER_NAME>': customer, ...tokens(), ...more });
  const execute = (id, entity, action, more = {}) =>
    curl(EXECUTE, {
      ...as(),
      '<connector_id>': id,
      '<YOUR_ORGANIZATION_ID>': server.organization,
      '<entity>': entity,
      '<action>': action,
      ...more,
    });
  const lastList = () => gmail.requests.findLast((it) => it.path.endsWith('/me/messages'));

  const created = await step('curl: create a connector with credentials and replication_config', async () => {
    const before = gmail.grants.length;
    const { status, body } = await create('acme');
    same(status, 201, 'status');
    holds(
      body,
      {
        customer_name: 'acme',
        connector_type: 'gmail',
        identifier: 'My Gmail Connector',
        account: 'ada@example.com',
        replication_config: { include_spam_and_trash: true },
      },
      'the connector',
    );
    same(gmail.grants.length - before, 0, 'refreshes, as the access token is good');
    same(JSON.stringify(body).includes('1//'), false, 'whether a token is shown again');
    return body;
  });
  await step('curl: include_spam_and_trash as text, as the placeholder stands in quotes', async () => {
    const { status, body } = await create('quoted', { '<INCLUDE>': '"false"' });
    same(status, 201, `status of ${JSON.stringify(body)}`);
    same(body.replication_config, { include_spam_and_trash: false }, 'replication_config');
  });
  await step('curl: create without an access token, which a refresh then gives', async () => {
    const before = gmail.grants.length;
    const { status, body } = await create('fresh', {
      '"access_token": "<ACCESS_TOKEN>",\n': '',
      '<ACCESS_TOKEN>': undefined,
    });
    same(status, 201, `status of ${JSON.stringify(body)}`);
    same(gmail.grants.slice(before), ['refresh_token'], 'what the token endpoint gave');
  });
  await step('curl: execute messages list with X-Organization-Id; spam is included as configured', async () => {
    const { status, body } = await execute(created.id, 'messages', 'list');
    same(status, 200, `status of ${JSON.stringify(body)}`);
    same(
      body.data.map((it) => it.id),
      ['m1', 'm2'],
      'messages',
    );
    same(lastList().query.get('includeSpamTrash'), 'true', 'includeSpamTrash at Gmail');
  });
  for (const [entity, action, check] of READS) {
    await step(`curl: execute ${entity} ${action}`, async () => {
      const { status, body } = await execute(created.id, entity, action);
      same(status, 200, `status of ${JSON.stringify(body)}`);
      check(body.data);
    });
  }
  await step('an access token that Gmail refuses is refreshed, and the call succeeds', async () => {
    gmail.expireAccessTokens();
    const before = gmail.grants.length;
    const { status } = await execute(created.id, 'profile', 'get');
    same(status, 200, 'status');
    same(gmail.grants.slice(before), ['refresh_token'], 'what the token endpoint gave');
  });

  const browser = openBrowser({ hosts: gmail.detour, ca: authority.pem });
  const begun = await step('curl: initiate the OAuth flow', async () => {
    const { status, body } = await curl(INITIATE, { ...as(), '<CUSTOMER_NAME>': 'umbrella' });
    same(status, 201, `status of ${JSON.stringify(body)}`);
    matches(body.consent_url, new RegExp(`^${server.url}/connect/`), 'consent_url');
    return body;
  });
  const linked = await step(
    'the user follows consent_url, allows, and comes to redirect_url?connector_id=…',
    async () => {
      const page = await browser.open(await browser.agree(begun.consent_url));
      const allowed = await browser.press(page, 'answer', 'allow');
      matches(allowed.location, new RegExp(`^${server.url}/callback/gmail\\?`), 'where Google sends the browser');
      const { location, html } = await browser.open(allowed.location);
      if (location === undefined) throw new Error(html.slice(-600));
      matches(location, /^https:\/\/yourapp\.com\/oauth\/callback\?connector_id=[^&]+$/, 'where the browser ends');
      return new URL(location).searchParams.get('connector_id');
    },
  );
  await step('curl: execute with the connector_id of the callback', async () => {
    const { status, body } = await execute(linked, 'messages', 'list');
    same(status, 200, `status of ${JSON.stringify(body)}`);
    same(
      body.data.map((it) => it.id),
      ['m1'],
      'messages, without spam by default',
    );
  });
  await step('a user who says no comes to redirect_url?error=…', async () => {
    const { body } = await curl(INITIATE, { ...as(), '<CUSTOMER_NAME>': 'umbrella' });
    const page = await browser.open(await browser.agree(body.consent_url));
    const denied = await browser.press(page, 'answer', 'deny');
    const { location } = await browser.open(denied.location);
    matches(location, /^https:\/\/yourapp\.com\/oauth\/callback\?error=\w+$/, 'where the browser ends');
  });

  const hosted = connector('gmail', {
    apiBaseUrl: server.url,
    apiKey: server.clientKey,
    organizationId: server.organization,
    customerName: 'acme',
  });
  await step('SDK, hosted: GmailConnector with customer and organization executes', async () => {
    const { data } = await hosted.execute('messages', 'list', { q: 'lunch' });
    same(
      data.map((it) => it.id),
      ['m1'],
      'messages',
    );
    same(await hosted.check(), true, 'check');
    const sent = await hosted.execute('messages', 'send', {
      to: ['grace@example.com'],
      subject: 'Re: Lunch',
      text: 'Yes',
    });
    same([sent.data.labelIds, gmail.sent], [['SENT'], ['Re: Lunch']], 'what was sent');
    const draft = await hosted.execute('drafts', 'create', {
      to: ['grace@example.com'],
      subject: 'Later',
      text: 'Soon',
    });
    same((await hosted.execute('drafts', 'get', { draftId: draft.data.id })).data.message.subject, 'Later', 'draft');
  });
  await step('SDK, hosted: one tool with entity, action and params', async () => {
    const tool = await agentTool(hosted);
    same([tool.name, tool.inputSchema.required], ['gmail', ['entity', 'action']], 'the tool');
    matches(tool.description, /- messages list\(.*q\?/, 'its description');
    const answer = JSON.parse(await tool.execute({ entity: 'messages', action: 'get', params: { messageId: 'm1' } }));
    holds(answer.data, { id: 'm1', subject: 'Lunch', text: 'Hello' }, 'the message');
    const wrong = JSON.parse(await tool.execute({ entity: 'messages', action: 'eat' }));
    same(wrong.error.code, 'action_unknown', 'code for an action that is not there');
  });

  const own = (credentials) => ({ credentials, connectTo: gmail.detour });
  const program = async (given) => {
    const { stdout, stderr } = await start(process.execPath, [OPENSOURCE], { env, input: JSON.stringify(given) }).ended;
    if (stdout === '') throw new Error(stderr);
    const { error, ...made } = JSON.parse(stdout);
    if (error) throw Object.assign(new Error(error.message), error);
    return made;
  };
  const client = { client_id: gmail.clientId, client_secret: gmail.clientSecret };
  await step('SDK, open source: GmailConnector with auth_config in this process', async () => {
    const before = gmail.grants.length;
    const credentials = { access_token: gmail.newAccessToken(), refresh_token: gmail.newRefreshToken(), ...client };
    const made = await program({ options: own(credentials), isCheck: true });
    holds(made, { name: 'gmail', checked: true, kept: [] }, 'what the program saw');
    same([made.profile.emailAddress, made.messages[0].id], ['ada@example.com', 'm1'], 'what Gmail gave');
    same(gmail.grants.length - before, 0, 'refreshes');
  });
  await step('SDK, open source: without an access token, which a refresh then gives, once', async () => {
    const before = gmail.grants.length;
    const made = await program({ options: own({ refresh_token: gmail.newRefreshToken(), ...client }) });
    same(gmail.grants.slice(before), ['refresh_token'], 'what the token endpoint gave');
    matches(made.kept[0]?.access_token, /^ya29\./, 'the access token that the program was given to keep');
  });

  await step('refused: a wrong client key', async () => {
    const { status, body } = await create('acme', {}, 'sk-client-of-nobody');
    same([status, body.code], [401, 'unauthenticated'], 'answer');
  });
  await step('refused: the organization of somebody else', async () => {
    const { status, body } = await execute(created.id, 'profile', 'get', {
      '<YOUR_ORGANIZATION_ID>': 'org-of-another',
    });
    same([status, body.code], [404, 'organization_unknown'], 'answer');
  });
  await step('refused: a connector_id that is not there', async () => {
    const { status, body } = await execute('no-such-id', 'profile', 'get');
    same([status, body.code], [404, 'integration_unknown'], 'answer');
  });
  await step('refused: a token without more, as that way is not there for Gmail', async () => {
    const before = gmail.requests.length;
    const { status, body } = await create('acme', {
      '"refresh_token": "<REFRESH_TOKEN>",\n': '',
      '<REFRESH_TOKEN>': undefined,
    });
    same([status, body.code, gmail.requests.length - before], [400, 'arguments_invalid', 0], 'answer');
  });
  await step('refused: a wrong client secret, and nothing is kept', async () => {
    const more = { '<ACCESS_TOKEN>': 'ya29.expired', '<CLIENT_SECRET>': 'wrong' };
    const { status, body } = await create('nobody', more);
    same([status >= 400, body.code], [true, 'config_invalid'], 'answer');
    same(await stage.client().customer('nobody').integrations.list('gmail'), [], 'accounts afterwards');
  });
  await step('refused: a redirect_url that is not registered', async () => {
    const { status, body } = await curl(INITIATE, {
      ...as(),
      '<CUSTOMER_NAME>': 'umbrella',
      [REDIRECT_URL]: 'https://evil.example/',
    });
    same([status, body.code], [400, 'arguments_invalid'], 'answer');
  });
  await step('no key, token, code or client secret is in the log of the server or in the audit', async () => {
    const written = `${server.log()}${await readFile(join(folder, 'audit.jsonl'), 'utf8')}`;
    same(/gmail/.test(written), true, 'whether anything was written');
    same(written.match(SECRET), null, 'secrets');
  });
  await step('refused: wrong credentials in open source mode', () =>
    refused(() => program({ options: own({ refresh_token: 'of-nobody', ...client }) }), 'reauthorization_required'),
  );
}

/** As they begin here: of Google, and of Tieline. */
const SECRET = /ya29\.\S+|1\/\/[\w-]{9,}|[="]4\/[\w-]{9,}|GOCSPX\S+|sk-(?:client|user)-[\w-]{9,}|eyJ\S+/;

const READS = [
  ['profile', 'get', (data) => same(data.emailAddress, 'ada@example.com', 'address')],
  [
    'labels',
    'list',
    (data) =>
      same(
        data.map((it) => it.id),
        ['INBOX'],
        'labels',
      ),
  ],
  [
    'threads',
    'list',
    (data) =>
      same(
        data.map((it) => it.id),
        ['t-m1', 't-m2'],
        'conversations',
      ),
  ],
  ['drafts', 'list', (data) => same(data, [], 'drafts')],
];
