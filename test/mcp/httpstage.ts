import { connectAccount } from '../../src/execute/connect.ts';
import { principalOf } from '../../src/http/caller.ts';
import type { Principal } from '../../src/integration/principal.ts';
import { findUser } from '../../src/integration/user.ts';
import { connectorOf, type Provider, reading, startProvider, things } from '../execute/stage.ts';
import { type HttpStage, openHttpStage, type Tenant } from '../http/stage.ts';

export type McpStage = HttpStage & {
  readonly provider: Provider;
  readonly acme: Tenant;
  /** A user of acme with a login token and an account whose token at the provider is `<identifier>-token-0123456789`. */
  linked(identifier: string): Promise<{ id: string; token: string }>;
  /** Links one more account of the user. */
  link(user: string, identifier: string): Promise<void>;
  principal(user: string): Promise<Principal>;
  /** One JSON-RPC message of 2026-07-28, or the body as it is. */
  post(token: string | undefined, message: unknown, headers?: Record<string, string>): Promise<Response>;
};

const request = { path: '/thing' };

/** Tells whose token it was, without the token. */
export const answerOwner: Parameters<Provider['answer']>[0] = ({ headers }) => ({
  body: { owner: /^Bearer (\w+)-token/.exec(headers.authorization ?? '')?.[1] },
});

/** A server on HTTP with one connector at a provider of the test's own. */
export async function openMcpStage(options: Parameters<typeof openHttpStage>[0] = {}): Promise<McpStage> {
  const provider = await startProvider();
  provider.answer(answerOwner);
  const entities = things({
    get: { ...reading, request },
    each: {
      ...reading,
      request,
      expand: { over: '{{ [1, 2, 3] }}', request },
      result: { value: { all: '{{ expanded }}' } },
    },
    create: { ...reading, effect: 'create', request: { ...request, method: 'POST' } },
  });
  const connector = connectorOf({ server: { baseUrl: provider.origin }, entities });
  const stage = await openHttpStage({ connectors: [connector], ...options });
  const acme = await stage.tenant('acme');
  const principal = async (user: string) => {
    const found = await findUser(stage.keystore, acme.organization, user);
    if (!found) throw new Error(`no user ${user}`);
    return principalOf(found);
  };
  const link = async (user: string, identifier: string) => {
    const input = { token: `${user}-token-0123456789` };
    await connectAccount(stage.engine, await principal(user), { connector: 'sample', identifier, input });
  };
  return {
    ...stage,
    provider,
    acme,
    principal,
    link,
    async linked(identifier) {
      const user = await stage.user(acme, identifier);
      await link(identifier, 'main');
      return user;
    },
    post: (token, message, headers = {}) =>
      fetch(`${stage.url}/mcp`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...headers,
        },
        body: typeof message === 'string' ? message : JSON.stringify(message),
      }),
    async close() {
      await stage.close();
      await provider.close();
    },
  };
}

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** A request of 2026-07-28 with the headers that belong to it. */
export function modern(
  id: number,
  method: string,
  params: Record<string, unknown> = {},
): [message: unknown, headers: Record<string, string>] {
  return [
    { jsonrpc: '2.0', id, method, params: { ...params, _meta: META } },
    {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof params.name === 'string' && { 'mcp-name': params.name }),
    },
  ];
}
