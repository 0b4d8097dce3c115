import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAuthorization, readAuthorization } from '../../../src/execute/authorization.ts';
import { connectorOf, type Provider, reading, startProvider, things } from '../../execute/stage.ts';
import { type HttpStage, openHttpStage, type Tenant } from '../stage.ts';
import { type Browser, openBrowser } from './browser.ts';
import { slowKeystore } from './slowstore.ts';

const KEY = 'typed-api-key-0123456789';
const PEM = '-----BEGIN PRIVATE KEY-----\nMIIBabcdefgh\n-----END PRIVATE KEY-----';
const EVIL = '<script>alert(1)</script>"\'&';

let provider: Provider;
let stage: HttpStage;
let slow: (ms: number) => void;
let acme: Tenant;
let browser: Browser;
let count = 0;

beforeAll(async () => {
  provider = await startProvider();
  const key = {
    title: 'API key',
    type: 'api_key',
    name: 'X-Api-Key',
    value: '{{ secrets.apiKey }}',
    ui: {
      description: `Ask ${EVIL}`,
      helpUri: 'javascript:alert(1)',
      schema: {
        type: 'object',
        required: ['subdomain', 'apiKey', 'region'],
        properties: {
          subdomain: { type: 'string', title: 'Subdomain', description: 'As in the address.', minLength: 3 },
          region: { type: 'string', title: 'Region', enum: ['eu', 'us'] },
          apiKey: { type: 'string', title: `Key ${EVIL}`, secret: true },
          pem: { type: 'string', title: 'Certificate', format: 'multiline', secret: true },
          size: { type: 'integer', title: 'Page size', default: 20 },
          beta: { type: 'boolean', title: 'Beta features' },
        },
      },
    },
  };
  const login = {
    title: 'User name and password',
    type: 'token_request',
    request: { path: '/login', json: { user: '{{ input.username }}', password: '{{ secrets.password }}' } },
    outputs: { token: '{{ body.token }}' },
    ui: {
      helpUri: 'https://desk.example/help',
      schema: {
        type: 'object',
        required: ['username', 'password'],
        properties: { username: { type: 'string' }, password: { type: 'string', secret: true } },
      },
    },
  };
  const sample = connectorOf({
    title: 'Desk',
    server: {
      baseUrl: provider.origin,
      testPath: '/me',
      headers: { 'X-Desk': '{{ input.subdomain }}', 'X-Pem': '{{ input.pem?.length }}' },
    },
    auth: { options: { key, login } },
    settings: { type: 'object', properties: { size: { type: 'integer', maximum: 5 } } },
    identity: { request: { path: '/me' }, key: '{{ response.body.id }}', label: '{{ response.body.name }}' },
    entities: things({ get: { ...reading, request: { path: '/echo' } } }),
  });
  const store = await slowKeystore();
  slow = store.slow;
  stage = await openHttpStage({ connectors: [sample], limits: { failures: 5 }, keystore: store.keystore });
  acme = await stage.tenant('Acme');
  await stage.request('PATCH', '/organization', { as: acme, body: { redirect_urls: ['https://app.example/'] } });
});
afterAll(async () => {
  await stage.close();
  await provider.close();
});
beforeEach(() => {
  count += 1;
  browser = openBrowser();
  provider.seen.length = 0;
  provider.answer(({ path, headers }) => {
    if (path === '/login') return { body: { token: 'session-token-012345' } };
    const isRight = headers['x-api-key'] === KEY || headers.authorization === 'Bearer session-token-012345';
    return isRight ? { body: { id: `id-${count}`, name: `name-${count}` } } : { status: 401, text: EVIL };
  });
});

async function initiate(more: object = {}): Promise<string> {
  const body = { customer_name: `user-${count}`, connector_type: 'Desk', ...more };
  const made = await stage.request('POST', '/integrations/connectors/oauth/initiate', { as: acme, body });
  expect(made.status, made.text).toBe(201);
  return made.body.consent_url;
}

const accounts = async () =>
  (await stage.request('GET', `/integrations/connectors?customer_name=user-${count}`, { as: acme })).body.data;

const FILLED = { 'input.subdomain': 'acme', 'input.region': 'eu', 'input.apiKey': KEY };

describe('a form', () => {
  it('asks for what the way to connect needs, and escapes what a definition says', async () => {
    const { html } = await browser.open(await initiate());
    expect(html).toMatch(/<input type="password" *value="" id="field-apiKey"[^>]* required>/);
    expect(html).toMatch(/<textarea rows="5" class="secret" id="field-pem"[^>]*><\/textarea>/);
    expect(html).toMatch(/<input type="number" *value="20" id="field-size"/);
    expect(html).toMatch(/<input type="checkbox" value="true" id="field-beta"/);
    expect(html).toMatch(/<select id="field-region"[^>]*>\s*<option value="">Choose…<\/option>\s*<option value="eu"/);
    expect(html).toContain('As in the address.');
    expect(html).not.toContain('<script');
    expect(html).not.toContain('javascript:');
    expect(html).toContain('Ask &lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;');
  });

  it('links the account, and typed secrets stand in no answer and no log', async () => {
    const logged: string[] = [];
    vi.stubEnv('TIELINE_LOG', 'debug');
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((line) => logged.push(String(line)) > 0);
    const link = await initiate({ name: 'main', replication_config: { size: 3 } });
    const answers = [await browser.open(link)];
    for (const apiKey of ['wrong-api-key-0123456789', KEY]) {
      const fields = {
        ...FILLED,
        'input.apiKey': apiKey,
        'input.pem': PEM.replaceAll('\n', '\r\n'),
        'input.beta': 'true',
      };
      answers.push(await browser.submit(answers[0] as never, fields));
    }
    answers.push(await browser.open(answers.at(-1)?.location ?? ''));
    write.mockRestore();
    vi.unstubAllEnvs();
    expect(answers.map((it) => it.status)).toEqual([200, 422, 303, 200]);
    expect(provider.seen.at(-1)?.headers['x-pem']).toBe(String(PEM.length));
    expect(answers[1]?.html).toContain('Desk does not accept these credentials.');
    expect(answers[3]?.html).toContain(`Connected as <b>name-${count}</b>`);
    const [account] = await accounts();
    expect(account).toMatchObject({ identifier: 'main', auth_option: 'key', replication_config: { size: 3 } });
    const seen = JSON.stringify([...answers.map((it) => [it.html, [...it.headers]]), logged, account]);
    for (const secret of [KEY, 'wrong-api-key-0123456789', 'MIIBabcdefgh']) expect(seen).not.toContain(secret);
    expect(logged.join('')).toContain('method="POST" path="/connect/');
    expect(logged.join('')).not.toContain(link.split('/').at(-1));
  });

  it('says beside each field what is wrong, keeps what was typed but secrets, and asks nobody', async () => {
    const page = await browser.open(await initiate());
    const given = { 'input.subdomain': 'a"<b>', 'input.apiKey': KEY, 'input.size': 'many', 'input.beta': 'true' };
    const again = await browser.submit(page, { ...given, 'input.subdomain': '"<' });
    expect(again.status).toBe(422);
    expect(again.html).toContain('value="&quot;&lt;"');
    expect(again.html).toMatch(/id="field-subdomain-problem">This is too short\.</);
    expect(again.html).toMatch(/id="field-region-problem">Please fill this in\.</);
    expect(again.html).toMatch(/id="field-size-problem">This has to be a number\.</);
    expect(again.html).toMatch(/id="field-beta"[^>]* checked>/);
    expect(again.html).not.toContain(KEY);
    expect(provider.seen).toEqual([]);
    expect(await accounts()).toEqual([]);
  });

  it('never shows what a provider said, nor a secret that it sends back', async () => {
    provider.answer(({ headers }) =>
      headers['x-api-key'] === KEY
        ? { body: { id: EVIL, name: `${EVIL} ${KEY}` } }
        : { status: 400, body: { error: EVIL } },
    );
    const page = await browser.open(await initiate({ name: 'main' }));
    const refused = await browser.submit(page, { ...FILLED, 'input.apiKey': 'another-key-0123456' });
    expect(refused.html).not.toMatch(/alert\(1\)[^<]*<\/p>\s*<form/);
    expect(refused.html).toContain('class="alert"');
    const done = await browser.open((await browser.submit(page, FILLED)).location ?? '');
    expect(done.html).toContain('&lt;script&gt;');
    expect(done.html).not.toMatch(/<script|typed-api-key/);
  });

  it('shows what the program gave, and does not let it be changed', async () => {
    const link = await initiate({ credentials: { subdomain: 'acme' } });
    const page = await browser.open(link);
    expect(page.html).not.toContain('name="input.subdomain"');
    expect(page.html).toMatch(/Subdomain<\/span>\s*<span class="given">acme</);
    expect(page.html).not.toContain('?option=login');
    expect((await browser.submit(page, { ...FILLED, 'input.subdomain': 'evil' })).status).toBe(303);
    expect(provider.seen.map((it) => it.headers['x-desk'])).toEqual(['acme', 'acme']);
    const kept = await readAuthorization(stage.keystore, link.split('/').at(-1) ?? '');
    expect(kept?.input).toEqual({});
  });

  it('lets the person choose among the ways, and logs in with a password', async () => {
    const link = await initiate();
    const page = await browser.open(`${link}?option=login`);
    expect(page.html).toContain('href="https://desk.example/help" target="_blank" rel="noopener noreferrer"');
    expect(page.headers.get('content-security-policy')).toContain("form-action 'self';");
    const ended = await browser.submit(page, { 'input.username': 'ada', 'input.password': 'pass-word-1' });
    expect(ended).toMatchObject({ status: 303, location: link });
    expect(await accounts()).toMatchObject([{ auth_option: 'login', account: `name-${count}` }]);
    expect((await browser.open(`${await initiate()}?option=nothing`)).html).toContain('name="option" value="key"');
  });

  it('is held to the way that the program named', async () => {
    const page = await browser.open(`${await initiate({ auth_option: 'key' })}?option=login`);
    expect(page.html).not.toContain('class="ways"');
    const forged = await browser.submit(page, { option: 'login', 'input.username': 'ada', 'input.password': 'x' });
    expect(forged.status).toBe(400);
    expect(await accounts()).toEqual([]);
  });

  it('goes back to the program by itself, with the account', async () => {
    const link = await initiate({ redirect_url: 'https://app.example/' });
    const done = await browser.open((await browser.submit(await browser.open(link), FILLED)).location ?? '');
    const [{ id }] = await accounts();
    expect(done.html).toContain(`<meta http-equiv="refresh" content="1;url=https://app.example/?connector_id=${id}">`);
  });

  it('sent twice links once', async () => {
    const page = await browser.open(await initiate());
    slow(30);
    const answers = await Promise.all([1, 2, 3].map(() => browser.submit(page, FILLED)));
    slow(0);
    expect(answers.map((it) => it.status).sort()).toEqual([303, 409, 409]);
    expect(await accounts()).toHaveLength(1);
  });

  it('is no way to try passwords', async () => {
    const page = await browser.open(await initiate());
    const wrong = { ...FILLED, 'input.apiKey': 'guessed-key-0123456' };
    const statuses = [];
    for (let i = 0; i < 7; i++) statuses.push((await browser.submit(page, wrong)).status);
    expect(statuses).toEqual([422, 422, 422, 422, 422, 429, 429]);
  });
});

it('a link for the user who asked is closed to those who cannot show that they are', async () => {
  const { id: user } = await stage.user(acme, `user-${count}`);
  const wanted = {
    organization: acme.organization,
    user,
    connector: 'sample',
    input: {},
    requires: 'session' as const,
  };
  const { id } = await createAuthorization(stage.keystore, wanted, stage.engine.now());
  const opened = await browser.open(`${stage.url}/connect/${id}`);
  expect([opened.status, opened.headers.get('set-cookie')]).toEqual([403, null]);
  expect((await browser.submit(opened, FILLED)).status).toBe(403);
  expect(await accounts()).toEqual([]);
});
