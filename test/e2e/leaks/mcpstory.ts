import { CALLBACK, post, register, requestFor, signedIn, tokensFor } from '../../http/authserver/stage.ts';
import { connectHttp } from '../../mcp/httpclient.ts';
import { connectLinking } from '../../mcp/linkclient.ts';
import { CALLS, FEW } from './calls.ts';
import { linkAtMirror } from './linker.ts';
import { secretText } from './mirror.ts';
import type { Stage } from './serverstory.ts';

/** Clients that sign their user in at the server, in the right and in wrong ways, up to the end of their tokens. */
export async function clientsStory({ served: { url }, user, ledger }: Stage): Promise<string> {
  const wrong = ledger.plant('secret that is wrong', secretText('wrong'));
  const browser = await signedIn(url, user);
  await signedIn(url, { ...user, secret: wrong }).catch(() => 'turned away');
  const client = await register(url);
  const { body: tokens } = await tokensFor(url, browser, client, { scope: 'read write manage' });

  const { address, verifier } = await requestFor(url, client);
  ledger.plant('PKCE verifier of an MCP client', verifier);
  const back = await browser.submit(await browser.open(address), { decision: 'allow' });
  const code = back.url.searchParams.get('code') ?? '';
  const exchange = { grant_type: 'authorization_code', client_id: client, redirect_uri: CALLBACK, code };
  await post(`${url}/token`, { ...exchange, code_verifier: `${wrong}${wrong}` });
  await post(`${url}/token`, { ...exchange, code_verifier: verifier });
  await post(`${url}/token`, { ...exchange, client_secret: wrong, code_verifier: verifier });
  await browser.submit(await browser.open((await requestFor(url, client)).address), { decision: 'deny' });
  await browser.open(
    `/authorize?client_id=${client}&client_secret=${wrong}&redirect_uri=http://other.example/${wrong}`,
  );

  const refresh = { grant_type: 'refresh_token', client_id: client, refresh_token: tokens.refresh_token };
  const { body: newer } = await post(`${url}/token`, refresh);
  await post(`${url}/token`, { ...refresh, refresh_token: wrong });
  await post(`${url}/token`, refresh);
  await post(`${url}/revoke`, { client_id: client, token: newer.refresh_token });
  await post(`${url}/revoke`, { client_id: client, token: wrong });

  const json = { client_name: 'Vault', redirect_uris: [CALLBACK], token_endpoint_auth_method: 'client_secret_post' };
  const { body: vault } = await post(`${url}/register`, { json });
  await post(`${url}/token`, { ...exchange, client_id: vault.client_id, client_secret: vault.client_secret ?? wrong });
  await post(`${url}/token`, { ...exchange, client_id: vault.client_id, client_secret: wrong });
  return (await tokensFor(url, browser, client, { scope: 'read write manage' })).body.access_token;
}

/** Official clients of either era that list tools and call them on all accounts; and one whose user has none. */
export async function toolsStory({ served, mirror }: Stage, token: string, accounts: readonly string[]): Promise<void> {
  for (const how of ['v1', { pin: '2026-07-28' }] as const) {
    const client = await connectHttp(served.url, how, { token });
    await client.tools();
    for (const integration of accounts) {
      for (const [action, params] of integration === 'query' ? CALLS : FEW) {
        await client.call(`mirror_things_${action}`, { ...params, integration }).catch(() => 'refused');
      }
    }
    await client.call('integrations_list');
    await client.close();
  }
  const grace = await served.user('grace');
  const client = await connectLinking(
    { url: served.url, token: grace.token },
    {
      how: 'modern',
      visit: async (url) => {
        await linkAtMirror(url, grace);
        return 'accept';
      },
    },
  );
  await client.call('mirror_things_echo');
  mirror.plan('refused');
  mirror.expire();
  await client.call('mirror_things_echo');
  await client.close();
  for (const how of ['v1', 'legacy'] as const) {
    const other = await connectLinking({ url: served.url, token: grace.token }, { how, visit: async () => 'accept' });
    await other.call('mirror_things_echo').catch(() => 'sent to an address');
    await other.close();
  }
}
