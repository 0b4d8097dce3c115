import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { UnauthorizedError as OldUnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { McpStage } from '../../mcp/httpstage.ts';
import { type Browser, CALLBACK, openAuthStage, signedIn } from './stage.ts';

const info = { name: 'tests', version: '1.0.0' };

/** What a client keeps of its sign-in, and where it sends its user. */
class Kept {
  readonly redirectUrl = CALLBACK;
  readonly clientMetadata = { client_name: 'Official client', redirect_uris: [CALLBACK] };
  readonly #kept = new Map<string, unknown>();
  sentTo: URL | undefined;
  clientInformation = () => this.#kept.get('client') as never;
  saveClientInformation = (client: unknown) => void this.#kept.set('client', client);
  tokens = () => this.#kept.get('tokens') as never;
  saveTokens = (tokens: unknown) => void this.#kept.set('tokens', tokens);
  discoveryState = () => this.#kept.get('discovered') as never;
  saveDiscoveryState = (discovered: unknown) => void this.#kept.set('discovered', discovered);
  codeVerifier = () => this.#kept.get('verifier') as never;
  saveCodeVerifier = (verifier: string) => void this.#kept.set('verifier', verifier);
  redirectToAuthorization(url: URL) {
    this.sentTo = url;
  }
}

describe('the official clients', () => {
  let stage: McpStage;
  let browser: Browser;

  beforeAll(async () => {
    stage = await openAuthStage();
    browser = await signedIn(stage.url, await stage.user(stage.acme, 'ada'));
    await stage.link('ada', 'main');
  });
  afterAll(() => stage.close());

  /** The parameters with which the browser comes back to the client. */
  async function allowed({ sentTo }: Kept): Promise<URLSearchParams> {
    if (!sentTo) throw new Error('the client sent its user nowhere');
    return (await browser.submit(await browser.open(sentTo), { decision: 'allow' })).url.searchParams;
  }

  it('of 2026-07-28 sign in knowing nothing but the address', async () => {
    const authProvider = new Kept();
    const open = () => new StreamableHTTPClientTransport(new URL(`${stage.url}/mcp`), { authProvider });
    const client = () => new Client(info, { versionNegotiation: { mode: 'auto' } });
    const first = open();
    await expect(client().connect(first)).rejects.toThrow(UnauthorizedError);
    await first.finishAuth(await allowed(authProvider));
    const connected = client();
    await connected.connect(open());
    const answer = await connected.callTool({ name: 'sample_things_get', arguments: {} });
    expect(JSON.stringify(answer)).toContain('ada');
    await connected.close();
  });

  it('of 2026-07-28 ask for what a tool needs more, keep what they have, and go on', async () => {
    const authProvider = new Kept();
    const open = () => new StreamableHTTPClientTransport(new URL(`${stage.url}/mcp`), { authProvider });
    const connect = async () => {
      const client = new Client(info, { versionNegotiation: { mode: 'auto' } });
      const transport = open();
      await client.connect(transport);
      return { client, transport };
    };
    const first = open();
    await expect(new Client(info).connect(first)).rejects.toThrow(UnauthorizedError);
    await first.finishAuth(await allowed(authProvider));
    expect(authProvider.tokens()).toMatchObject({ scope: 'read write' });
    const before = await connect();
    const choose = { name: 'integrations_set_default', arguments: { connector: 'sample', identifier: 'main' } };
    await expect(before.client.callTool(choose)).rejects.toThrow(UnauthorizedError);
    expect(authProvider.sentTo?.searchParams.get('scope')).toBe('read write manage');
    await before.transport.finishAuth(await allowed(authProvider));
    await before.client.close();
    const after = await connect();
    for (const it of [choose, { name: 'sample_things_get', arguments: {} }]) {
      expect((await after.client.callTool(it)).isError).toBeFalsy();
    }
    await after.client.close();
  });

  it('of 2025-11-25 sign in knowing nothing but the address', async () => {
    const authProvider = new Kept();
    const open = () => new OldTransport(new URL(`${stage.url}/mcp`), { authProvider });
    const first = open();
    const old = new OldClient(info);
    await expect(old.connect(first as Parameters<OldClient['connect']>[0])).rejects.toThrow(OldUnauthorizedError);
    await first.finishAuth((await allowed(authProvider)).get('code') ?? '');
    const connected = new OldClient(info);
    await connected.connect(open() as Parameters<OldClient['connect']>[0]);
    const answer = await connected.callTool({ name: 'sample_things_get', arguments: {} });
    expect(JSON.stringify(answer)).toContain('ada');
    await connected.close();
  });
});
