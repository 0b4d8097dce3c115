import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as OldStdioTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import type { Answer } from '../e2e/client.ts';
import { type Env, environment, mainFile } from '../e2e/program.ts';

/** What a user does with an address that their client opens for them. */
export type Visit = (url: string, message: string) => Promise<'accept' | 'decline' | 'cancel'>;

/** A client in front of a user: an official one, as far as linking goes. */
export type LinkClient = {
  call(name: string, args?: Record<string, unknown>, onProgress?: (progress: number) => void): Promise<Answer>;
  changes(): number;
  close(): Promise<void>;
};

export type Linkable = {
  readonly how: 'v1' | 'legacy' | 'modern';
  /** Absent for a client that opens no addresses. */
  readonly visit?: Visit | undefined;
  /** What it declares besides. */
  readonly capabilities?: Record<string, unknown>;
};

type Place = { readonly url: string; readonly token: string } | { readonly env: Env };

const info = { name: 'tests', title: 'Test client', version: '1.0.0' };

/** Connects a client to a server on HTTP, or to a `tieline stdio` of its own. */
export async function connectLinking(place: Place, { how, visit, capabilities = {} }: Linkable): Promise<LinkClient> {
  const declared = { ...capabilities, ...(visit && { elicitation: { url: {} } }) };
  const requestInit = 'url' in place ? { headers: { authorization: `Bearer ${place.token}` } } : {};
  const program = () => ({
    command: process.execPath,
    args: [mainFile, 'stdio'],
    env: environment('env' in place ? place.env : {}),
    stderr: 'ignore' as const,
  });
  let changes = 0;
  if (how === 'v1') {
    const transport =
      'url' in place
        ? new OldTransport(new URL(`${place.url}/mcp`), { requestInit })
        : new OldStdioTransport(program());
    const client = new OldClient(info, { capabilities: declared });
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++);
    await client.connect(transport as Parameters<OldClient['connect']>[0]);
    return {
      call: async (name, args = {}) => (await client.callTool({ name, arguments: args })) as Answer,
      changes: () => changes,
      close: () => client.close(),
    };
  }
  const transport =
    'url' in place
      ? new StreamableHTTPClientTransport(new URL(`${place.url}/mcp`), { requestInit })
      : new StdioClientTransport(program());
  const client = new Client(info, {
    capabilities: declared,
    versionNegotiation: { mode: how === 'modern' ? { pin: '2026-07-28' } : 'legacy' },
    listChanged: { tools: { onChanged: () => void changes++, autoRefresh: false, debounceMs: 0 } },
  });
  if (visit) {
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      if (params.mode !== 'url') throw new Error('a form was asked for');
      return { action: await visit(params.url, params.message) };
    });
  }
  await client.connect(transport);
  return {
    call: async (name, args = {}, onProgress) =>
      (await client.callTool(
        { name, arguments: args },
        onProgress ? { onprogress: ({ progress }) => onProgress(progress) } : {},
      )) as Answer,
    changes: () => changes,
    close: () => client.close(),
  };
}

/** The address in what -32042 refuses a call with. */
export function requiredUrl(error: unknown): { url: string; elicitationId: string; message: string } {
  const { code, data } = error as { code?: number; data?: { elicitations?: { mode: string }[] } };
  const [only, ...more] = data?.elicitations ?? [];
  if (code !== -32042 || only?.mode !== 'url' || more.length > 0) throw error;
  return only as unknown as ReturnType<typeof requiredUrl>;
}
