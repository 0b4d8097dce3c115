import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openBrowser } from './browser.mjs';
import { DEFINITIONS, REDIRECT_URL } from './stage.mjs';
import { holds, matches, refused, same } from './steps.mjs';
import { tieline } from './tieline.mjs';
import { WORKSHOP_KEY } from './workshop.mjs';

/** A connector whose definition has every part of the authentication spec, called in each way to connect it. */
export async function authenticationSpec(step, { env, folder, workshop, client }) {
  const customer = client().customer('apprentice');
  const { integrations } = customer;
  const profile = async (identifier, connector = 'workshop') =>
    (await customer.execute({ connector, entity: 'profile', action: 'get', identifier })).data;

  await step('the definition has no problems for `tieline connectors lint`', async () => {
    const answer = await tieline(env, ['connectors', 'lint', DEFINITIONS]);
    same(answer.problems ?? answer.exitCode ?? [], [], `problems in ${JSON.stringify(answer)}`);
  });
  await step('ui: schema, helpUri and description are what a program is told to ask the user', async () => {
    const { options } = await client().connectors.get('workshop');
    const key = options.find((it) => it.key === 'key');
    same(
      options.map((it) => it.key),
      ['key', 'password', 'oauth', 'oauth1', 'host'],
      'options',
    );
    holds(
      key,
      {
        title: 'API key',
        isDefault: true,
        helpUrl: 'https://docs.example.com/api-authentication',
        description: 'The key is changed into a session.',
      },
      'the option',
    );
    holds(key.schema.properties.apiKey, { type: 'string', title: 'API Key' }, 'the field');
  });
  await step('ui: the connect page shows them to the user', async () => {
    const { consentUrl } = await integrations.initiate('workshop', REDIRECT_URL, { option: 'key' });
    const { html } = await openBrowser().open(consentUrl);
    for (const text of [
      'API Key',
      'The key is changed into a session.',
      'https://docs.example.com/api-authentication',
    ]) {
      same([text, html.includes(text)], [text, true], 'on the page');
    }
  });
  await step('client credentials: getCredentialsFromConnectionParameters and test as JavaScript files', async () => {
    const made = await integrations.create('workshop', { apiKey: WORKSHOP_KEY }, { option: 'key', name: 'key' });
    holds(made, { identifier: 'key', option: 'key', status: 'active' }, 'the account');
  });
  await step('makeApiClient as a mapping with formulas: $template, $firstNotEmpty, $var, $case, $eval', async () => {
    holds(await profile('key'), { via: 'key', region: 'eu', plan: 'large' }, 'what the API saw');
    await integrations.create('workshop', { apiKey: WORKSHOP_KEY, region: 'us' }, { option: 'key', name: 'us' });
    holds(await profile('us'), { region: 'us' }, 'what the API saw');
  });
  await step('refreshCredentials as JavaScript: its result is merged, so that it works again and again', async () => {
    for (const count of [1, 2]) {
      workshop.expire();
      holds(await profile('key'), { via: 'key' }, 'what the API saw');
      same(workshop.state.renewals, count, 'renewals');
    }
  });
  await step('test: truthy is good, falsy is not', async () => {
    same(await integrations.test('workshop', 'key'), true, 'test');
    workshop.state.isActive = false;
    await refused(() => integrations.test('workshop', 'key'), 'token_rejected').finally(() => {
      workshop.state.isActive = true;
    });
  });
  await step('another option: basic, with makeApiClient as JavaScript', async () => {
    const credentials = { username: 'ada', password: workshop.password };
    await integrations.create('workshop', credentials, { option: 'password', name: 'password' });
    holds(await profile('password'), { via: 'password', region: 'of-ada' }, 'what the API saw');
  });
  const signIn = async (option) => {
    const browser = openBrowser();
    const { consentUrl } = await integrations.initiate('workshop', REDIRECT_URL, { option, name: option });
    const callback = await browser.open(await browser.agree(consentUrl));
    const { location, html } = await browser.open(callback.location);
    if (location === undefined) throw new Error(html.slice(-600));
    matches(location, /\?connector_id=/, 'where the browser ends');
  };
  await step('oauth2: getOAuthConfig as a mapping, PKCE, extra parameters, client in headers', async () => {
    await signIn('oauth');
    holds(await profile('oauth'), { via: 'oauth2', bench: 'bench-7' }, 'what the API saw');
  });
  await step('oauth2: a token that is refused is refreshed with a rotating refresh token', async () => {
    for (const count of [1, 2]) {
      workshop.expire();
      holds(await profile('oauth'), { via: 'oauth2', bench: 'bench-7' }, 'what the API saw');
      same(workshop.state.refreshes, count, 'refreshes');
    }
  });
  await step('oauth1: three legs, and each request signed', async () => {
    await signIn('oauth1');
    holds(await profile('oauth1'), { via: 'oauth1' }, 'what the API saw');
  });
  await step('host token: a JWT of this server for its user, which the API checks by the JWKS', async () => {
    await integrations.create('workshop', {}, { option: 'host', name: 'host' });
    holds(await profile('host'), { via: 'host', role: 'apprentice', hasUser: true }, 'what the API saw');
  });
  await step('proxy: another connector acts as an account of this one', async () => {
    await integrations.create('bench', { integration: 'key' }, { name: 'bench' });
    holds(await profile('bench', 'bench'), { bench: true, via: 'key', plan: 'large' }, 'what the API saw');
  });

  await step('refused: a key that the API does not know, by the code that the JavaScript throws', async () => {
    const wrong = () => integrations.create('workshop', { apiKey: 'of-nobody' }, { option: 'key', name: 'wrong' });
    await refused(wrong, 'token_rejected');
    same(
      (await integrations.list('workshop')).some((it) => it.identifier === 'wrong'),
      false,
      'whether it is there',
    );
  });
  await step('refused: a spec with an unknown method, at file, line and column', async () => {
    const place = join(folder, 'broken');
    await mkdir(place);
    const auth = {
      options: { key: { title: 'Key', type: 'api_key', name: 'X-Key', methods: { makeTea: { mapping: {} } } } },
    };
    const head = { format: 1, connector: 'broken', version: '1.0.0', title: 'Broken', summary: 'It is.' };
    const entities = {
      a: { title: 'A', actions: { get: { summary: 'Get.', effect: 'read', request: { path: '/' } } } },
    };
    const definition = { ...head, server: { baseUrl: 'https://api.example' }, auth, entities };
    await writeFile(join(place, 'connector.yaml'), JSON.stringify(definition, null, 1));
    const answer = await tieline(env, ['connectors', 'lint', place]);
    same(answer.exitCode, 1, 'exit code');
    matches(JSON.stringify(answer), /makeTea/, 'problem');
  });
}
