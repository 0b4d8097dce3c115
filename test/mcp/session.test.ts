import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Extension } from '../../src/mcp/extension.ts';
import { openSession, sealSession } from '../../src/mcp/session.ts';
import { connectHttp } from './httpclient.ts';
import { type McpStage, modern, openMcpStage } from './httpstage.ts';

/** A tool that tells what is known of the client. */
const telling: Extension = {
  tools: [
    { name: 'about_client_get', description: 'What the client can do.', inputSchema: { type: 'object' } } as never,
  ],
  call: async (_, __, { who, capabilities }) => ({
    content: [],
    structuredContent: { user: who.user, capabilities: capabilities ?? null },
  }),
};

let stage: McpStage;
let ada: { id: string; token: string };
let eve: { id: string; token: string };
beforeAll(async () => {
  stage = await openMcpStage({ extension: telling });
  ada = await stage.linked('ada');
  eve = await stage.linked('eve');
});
afterAll(() => stage.close());

const url = { elicitation: { form: {}, url: {} } };
const told = async (client: Awaited<ReturnType<typeof connectHttp>>) =>
  (await client.call('about_client_get')).structuredContent as unknown;

describe('what a client can do', () => {
  it.each(['v1', 'legacy', 'auto'] as const)('is known in its later requests: %s', async (how) => {
    const client = await connectHttp(stage.url, how, { token: ada.token, capabilities: url });
    expect(await told(client)).toMatchObject({ user: ada.id, capabilities: url });
    expect((await client.tools()).tools.map((it) => it.name)).toContain('about_client_get');
    await client.close();
  });

  it('is not known without a session', async () => {
    const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'about_client_get' } };
    const answer = await stage.post(ada.token, message);
    expect(await answer.text()).toContain('"capabilities":null');
  });

  it('is in the session of a user, and is nothing to another', async () => {
    const client = await connectHttp(stage.url, 'v1', { token: ada.token, capabilities: url });
    const session = client.sessionId() ?? '';
    expect(session).toMatch(/^[\x21-\x7e]{1,2000}$/);
    const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'about_client_get' } };
    const text = async (token: string, id: string) =>
      (await stage.post(token, message, { 'mcp-session-id': id })).text();
    expect(await text(ada.token, session)).toContain('"url":{}');
    for (const [token, id] of [
      [eve.token, session],
      [ada.token, `${session.slice(0, -2)}AA`],
      [ada.token, 'x'.repeat(5_000)],
    ] as const) {
      expect(await text(token, id)).toContain('"capabilities":null');
    }
    await client.close();
  });

  it('is not made for clients of 2026-07-28, which tell it each time', async () => {
    const [message, headers] = modern(1, 'server/discover');
    const answer = await stage.post(ada.token, message, headers);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('mcp-session-id')).toBeNull();
  });

  it('ends after a week', async () => {
    const who = await stage.principal('ada');
    const capabilities = { ...url, experimental: { big: { x: 'y'.repeat(5_000) } } };
    const id = sealSession(stage.engine, who, { capabilities, name: 'Tests' }) ?? null;
    expect(openSession(stage.engine, who, id)).toEqual({ capabilities: url, name: 'Tests' });
    stage.later(7 * 24 * 60 * 60_000);
    expect(openSession(stage.engine, who, id)).toBeUndefined();
    stage.later(-7 * 24 * 60 * 60_000);
  });
});
