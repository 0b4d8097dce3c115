import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { IDEMPOTENCY_KEY } from '../../src/mcp/plain.ts';
import { type Env, environment, mainFile } from './program.ts';

export type Tool = {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly inputSchema: { readonly properties?: Readonly<Record<string, unknown>> | undefined };
  readonly annotations?: Readonly<Record<string, unknown>> | undefined;
};

export type Answer = {
  readonly isError?: boolean | undefined;
  readonly content: readonly { readonly type: string; readonly text?: string }[];
  readonly structuredContent: {
    readonly data?: unknown;
    readonly meta?: { readonly integration: string; readonly page?: { readonly cursor?: string } };
    readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
  };
};

type Progress = { readonly progress: number; readonly total?: number | undefined };
export type CallOptions = {
  readonly signal?: AbortSignal;
  readonly onprogress?: (progress: Progress) => void;
  /** For a call that is to be made once. */
  readonly key?: string;
};

/** What a client asks for when it calls a tool. */
export const toolCall = (name: string, args: Record<string, unknown>, { key }: CallOptions) => ({
  name,
  arguments: args,
  ...(key !== undefined && { _meta: { [IDEMPOTENCY_KEY]: key } }),
});

/** What both generations of the official client can do. */
export type McpClient = {
  readonly era: string | undefined;
  readonly instructions: string | undefined;
  tools(cursor?: string): Promise<{ tools: Tool[]; ttlMs?: number; cacheScope?: string }>;
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<Answer>;
  /** How often it was told that the list of tools changed. */
  changes(): number;
  stderr(): string;
  readonly pid: number | null;
  close(): Promise<void>;
};

export type Negotiation = 'v1' | 'legacy' | 'auto' | { readonly pin: string };

type Server = { readonly command: string; readonly args: string[]; readonly env: Record<string, string> };

/** Connects an official client to `tieline stdio`, or to the server that a client configuration names. */
export function connectClient(how: Negotiation, env: Env, server?: Server): Promise<McpClient> {
  const parameters = server ?? { command: process.execPath, args: [mainFile, 'stdio'], env: environment(env) };
  return how === 'v1' ? connectOld(parameters) : connectNew(how, parameters);
}

const info = { name: 'tests', version: '1.0.0' };

async function connectOld(parameters: Server): Promise<McpClient> {
  const transport = new OldTransport({ ...parameters, stderr: 'pipe' });
  const stderr = collect(transport.stderr);
  const client = new OldClient(info, { capabilities: {} });
  let changes = 0;
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++);
  await client.connect(transport);
  return {
    era: undefined,
    instructions: client.getInstructions(),
    tools: (cursor) => client.listTools(cursor === undefined ? {} : { cursor }),
    call: async (name, args = {}, options = {}) =>
      (await client.callTool(toolCall(name, args, options), undefined, options)) as Answer,
    changes: () => changes,
    stderr,
    pid: transport.pid,
    close: () => client.close(),
  };
}

async function connectNew(mode: Exclude<Negotiation, 'v1'>, parameters: Server): Promise<McpClient> {
  const transport = new StdioClientTransport({ ...parameters, stderr: 'pipe' });
  const stderr = collect(transport.stderr);
  let changes = 0;
  const client = new Client(info, {
    versionNegotiation: { mode },
    listChanged: { tools: { onChanged: () => void changes++, autoRefresh: false, debounceMs: 0 } },
  });
  await client.connect(transport);
  return {
    era: client.getNegotiatedProtocolVersion(),
    instructions: client.getInstructions(),
    tools: async (cursor) =>
      (await client.listTools(cursor === undefined ? {} : { cursor }, { cacheMode: 'refresh' })) as Awaited<
        ReturnType<McpClient['tools']>
      >,
    call: async (name, args = {}, options = {}) =>
      (await client.callTool(toolCall(name, args, options), options)) as Answer,
    changes: () => changes,
    stderr,
    pid: transport.pid,
    close: () => client.close(),
  };
}

function collect(stream: unknown): () => string {
  let text = '';
  (stream as NodeJS.ReadableStream | null)?.on('data', (chunk) => {
    text += String(chunk);
  });
  return () => text;
}
