import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openIssuer } from '../../src/auth/issuer.ts';
import { buildCatalog } from '../../src/connector/catalog.ts';
import { connectAccount } from '../../src/execute/connect.ts';
import { connectorOf, type Provider, reading, startProvider, things } from '../execute/stage.ts';
import {
  type Browser,
  openAuthStage,
  plain,
  register,
  requestFor,
  signedIn,
  tokensFor,
} from '../http/authserver/stage.ts';
import { type McpStage, modern } from './httpstage.ts';

let stage: McpStage;
let elsewhere: Provider;
let ada: { id: string; identifier: string; secret: string; token: string };
let browser: Browser;
let client: string;
const keys = await generateKeyPair('ES256', { extractable: true });

/** Two connectors whose scopes are told apart: `sample`, which reads and writes, and `wiki`, which reads. */
beforeAll(async () => {
  elsewhere = await startProvider();
  const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256' }] };
  elsewhere.answer(() => ({ body: jwks }));
  let organization = '';
  stage = await openAuthStage({
    scopeGrain: 'per-connector',
    more: ({ sender, now }, url) => ({
      issuers: [
        {
          ...openIssuer({
            issuer: elsewhere.origin,
            jwksUri: `${elsewhere.origin}/jwks`,
            audience: `${url}/mcp`,
            sender,
            now,
          }),
          identifierClaim: 'sub',
          createUsers: false,
          get organization() {
            return organization;
          },
        },
      ],
    }),
  });
  organization = stage.acme.organization;
  const wiki = connectorOf({
    connector: 'wiki',
    title: 'Wiki',
    server: { baseUrl: stage.provider.origin },
    entities: things({ get: { ...reading, request: { path: '/thing' } } }),
  });
  stage.engine.catalog = buildCatalog([...stage.engine.catalog.connectors, wiki]);
  ada = await stage.user(stage.acme, 'ada');
  await stage.link('ada', 'main');
  const input = { token: 'ada-token-0123456789' };
  await connectAccount(stage.engine, await stage.principal('ada'), { connector: 'wiki', identifier: 'notes', input });
  browser = await signedIn(stage.url, ada);
  client = await register(stage.url);
});
afterAll(async () => {
  await stage.close();
  await elsewhere.close();
});

const ALL = ['read', 'write', 'manage', 'sample:read', 'sample:write', 'wiki:read'];
const OWN = 'sample:read sample:write wiki:read';
const READING = ['sample_things_each', 'sample_things_get'];

const send = async (token: string, method: string, params: Record<string, unknown> = {}) => {
  const [message, headers] = modern(1, method, params);
  const response = await stage.post(token, message, headers);
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
};
const toolsOf = async (token: string): Promise<string[]> =>
  (await send(token, 'tools/list')).body.result.tools.map((it: { name: string }) => it.name);
const call = (token: string, name: string, args: object = {}) => send(token, 'tools/call', { name, arguments: args });
const personal = async (...scopes: string[]): Promise<string> =>
  (await stage.request('POST', '/tokens', { as: ada.token, body: { name: 'test', scopes } })).body.token;
const granted = async (scope: string) => (await tokensFor(stage.url, browser, client, { scope })).body;

describe('scopes for one connector', () => {
  it('are what clients are told of, as far as there is something to do with them', async () => {
    for (const place of ['oauth-protected-resource/mcp', 'oauth-authorization-server']) {
      const metadata = await (await fetch(`${stage.url}/.well-known/${place}`)).json();
      expect(metadata).toMatchObject({ scopes_supported: ALL });
    }
    const [message, headers] = modern(1, 'tools/list');
    const refused = await stage.post(undefined, message, headers);
    expect(refused.headers.get('www-authenticate')).toContain(`scope="${OWN}"`);
  });

  it('show the tools of that connector only, and run them', async () => {
    const token = await personal('sample:read');
    expect(await toolsOf(token)).toEqual(['integrations_list', ...READING]);
    expect((await call(token, 'sample_things_get')).body.result.structuredContent.data).toEqual({ owner: 'ada' });
    expect(await toolsOf(await personal('sample:write'))).toEqual(['sample_things_create']);
    expect(await toolsOf(await personal('wiki:read', 'sample:write'))).toEqual([
      'integrations_list',
      'sample_things_create',
      'wiki_things_get',
    ]);
  });

  it('are asked for by name where one is missing, with those there are', async () => {
    const token = await personal('sample:read');
    const asked = async (name: string) => {
      const { status, headers } = await call(token, name);
      return [status, /scope="([^"]*)"/.exec(headers.get('www-authenticate') ?? '')?.[1]];
    };
    expect(await asked('sample_things_create')).toEqual([403, 'sample:read sample:write']);
    expect(await asked('wiki_things_get')).toEqual([403, 'sample:read wiki:read']);
    expect(await asked('integrations_connect')).toEqual([403, 'manage sample:read']);
    expect(stage.provider.seen.filter((it) => it.method === 'POST')).toEqual([]);
  });

  it('show the accounts of that connector only', async () => {
    const listed = async (...scopes: string[]) => {
      const { body } = await call(await personal(...scopes), 'integrations_list');
      return body.result.structuredContent.data.map((it: { identifier: string }) => it.identifier);
    };
    expect(await listed('sample:read')).toEqual(['main']);
    expect(await listed('wiki:read')).toEqual(['notes']);
    expect(await listed('read')).toEqual(['main', 'notes']);
    const token = await personal('sample:read');
    const { body } = await call(token, 'integrations_list', { connector: 'wiki' });
    expect(body.result.structuredContent.error.code).toBe('policy_denied');
  });

  it('leave those for all connectors as they are', async () => {
    expect(await toolsOf(await personal('read'))).toEqual(['integrations_list', ...READING, 'wiki_things_get']);
    const token = await personal('read', 'write');
    for (const name of ['sample_things_create', 'wiki_things_get']) expect((await call(token, name)).status).toBe(200);
    stage.provider.seen.length = 0;
  });

  it('are named to the person who allows them, and kept', async () => {
    const { address } = await requestFor(stage.url, client, { scope: 'wiki:read sample:write manage nowhere:read' });
    const text = plain(await browser.open(address));
    for (const part of ['Manage your accounts', 'Sample: create, change and delete things', 'Wiki: look things up']) {
      expect(text).toContain(part);
    }
    expect(text).not.toContain('Sample: look');
    const tokens = await granted('wiki:read nowhere:read');
    expect(tokens.scope).toBe('wiki:read');
    expect(await toolsOf(tokens.access_token)).toEqual(['integrations_list', 'wiki_things_get']);
    const { body } = await stage.request('GET', '/grants', { as: ada.token });
    expect(body.data.map((it: { scopes: string[] }) => it.scopes)).toContainEqual(['wiki:read']);
  });

  it('are what a client gets that does not say what it wants', async () => {
    expect((await granted('')).scope).toBe(OWN);
    expect((await granted('nowhere:read')).scope).toBe(OWN);
    expect((await granted('read wiki:read')).scope).toBe('read wiki:read');
  });

  it.each([['nowhere:read'], ['wiki:write'], ['sample:manage'], ['*:read']])(
    'are not made up for a personal access token: %s',
    async (scope) => {
      const body = { name: 'test', scopes: ['read', scope] };
      const answer = await stage.request('POST', '/tokens', { as: ada.token, body });
      expect(answer).toMatchObject({ status: 400, body: { code: 'arguments_invalid' } });
    },
  );

  it.each([[{ scope: 'openid wiki:read' }], [{ scp: ['wiki:read', 'wiki:admin'] }]])(
    'count in a token of another issuer: %j',
    async (claims) => {
      const now = Math.floor(Date.now() / 1_000);
      const about = { iss: elsewhere.origin, aud: `${stage.url}/mcp`, sub: 'ada', iat: now, exp: now + 60 };
      const token = await new SignJWT({ ...about, ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'at+jwt' })
        .sign(keys.privateKey);
      expect(await toolsOf(token)).toEqual(['integrations_list', 'wiki_things_get']);
    },
  );
});
