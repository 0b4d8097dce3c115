import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { type Answer, type McpClient, type Negotiation, toolCall } from '../e2e/client.ts';

export const ways: Negotiation[] = ['v1', 'legacy', 'auto', { pin: '2026-07-28' }];
export const nameOf = (how: Negotiation): string => (typeof how === 'string' ? how : how.pin);

const info = { name: 'tests', version: '1.0.0' };

export type HttpClient = Pick<McpClient, 'era' | 'tools' | 'call' | 'changes' | 'close'> & {
  sessionId(): string | undefined;
  /** Capabilities of the server. */
  readonly declared: { readonly tools?: { readonly listChanged?: boolean | undefined } | undefined };
};

export type Connecting = { readonly token: string; readonly capabilities?: Record<string, unknown> };

/** Connects an official client to a server on HTTP. */
export async function connectHttp(url: string, how: Negotiation, connecting: Connecting): Promise<HttpClient> {
  const requestInit = { headers: { authorization: `Bearer ${connecting.token}` } };
  const { capabilities = {} } = connecting;
  if (how === 'v1') {
    const transport = new OldTransport(new URL(`${url}/mcp`), { requestInit });
    const client = new OldClient(info, { capabilities });
    await client.connect(transport as Parameters<OldClient['connect']>[0]);
    return {
      era: undefined,
      tools: (cursor) => client.listTools(cursor === undefined ? {} : { cursor }),
      call: async (name, args = {}, options = {}) =>
        (await client.callTool(toolCall(name, args, options), undefined, options)) as Answer,
      declared: client.getServerCapabilities() ?? {},
      changes: () => 0,
      sessionId: () => transport.sessionId,
      close: () => client.close(),
    };
  }
  const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit });
  let changes = 0;
  const client = new Client(info, {
    capabilities,
    versionNegotiation: { mode: how },
    listChanged: { tools: { onChanged: () => void changes++, autoRefresh: false, debounceMs: 0 } },
  });
  await client.connect(transport);
  return {
    era: client.getNegotiatedProtocolVersion(),
    tools: async (cursor) =>
      (await client.listTools(cursor === undefined ? {} : { cursor }, { cacheMode: 'refresh' })) as Awaited<
        ReturnType<McpClient['tools']>
      >,
    call: async (name, args = {}, options = {}) =>
      (await client.callTool(toolCall(name, args, options), options)) as Answer,
    declared: client.getServerCapabilities() ?? {},
    changes: () => changes,
    sessionId: () => transport.sessionId,
    close: () => client.close(),
  };
}
