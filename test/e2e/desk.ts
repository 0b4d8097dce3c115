import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export type Desk = {
  readonly url: string;
  readonly host: string;
  /** Requests to `/wait`, which is never answered: those under way, and how many their clients gave up. */
  readonly waiting: { open: number; gaveUp: number };
  /** Refreshes: begun, and answered. The answer takes until `answerTokens` is called. */
  readonly tokens: { asked: number; given: number };
  answerTokens(): void;
  close(): Promise<void>;
};

export const FIRST_REFRESH_TOKEN = 'refresh-token-0';

/** A made-up API: a list whose items are looked up one by one, an action that never ends, and rotating tokens. */
export async function startDesk(): Promise<Desk> {
  const waiting = { open: 0, gaveUp: 0 };
  const tokens = { asked: 0, given: 0 };
  const held: (() => void)[] = [];
  /** The refresh token of each client, and the access tokens that are good. */
  const current = new Map<string, string>();
  const good = new Set<string>();
  const json = (response: ServerResponse, status: number, body: object) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { pathname } = new URL(request.url ?? '/', 'http://desk');
    if (pathname === '/wait') {
      waiting.open++;
      response.once('close', () => {
        waiting.open--;
        if (!response.writableEnded) waiting.gaveUp++;
      });
      return;
    }
    if (pathname === '/token') {
      tokens.asked++;
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      const client = form.get('client_id') ?? '';
      const isCurrent = form.get('refresh_token') === (current.get(client) ?? FIRST_REFRESH_TOKEN);
      const answer = {
        token_type: 'Bearer',
        access_token: `access-token-${tokens.asked}`,
        refresh_token: `refresh-token-${tokens.asked}`,
      };
      // Rotated at once: whoever loses the answer has lost the account.
      if (isCurrent) {
        current.set(client, answer.refresh_token);
        good.add(`Bearer ${answer.access_token}`);
      }
      held.push(() => {
        tokens.given++;
        json(response, isCurrent ? 200 : 400, isCurrent ? answer : { error: 'invalid_grant' });
      });
      return;
    }
    const { authorization } = request.headers;
    if (authorization !== undefined && !good.has(authorization)) return json(response, 401, { error: 'expired' });
    if (pathname === '/items') return json(response, 200, { items: [1, 2, 3, 4, 5, 6].map((id) => ({ id })) });
    if (pathname.startsWith('/items/')) return json(response, 200, { id: Number(pathname.slice(7)) });
    if (pathname === '/html') {
      return response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><h1>Hello</h1>');
    }
    json(response, 200, { authorization: authorization !== undefined });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}`,
    host,
    waiting,
    tokens,
    answerTokens() {
      for (const give of held.splice(0)) give();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The definition of that API. */
export const deskDefinition = (url: string, name = 'desk'): string => `
format: 1
connector: ${name}
version: 1.0.0
title: Desk
summary: A made-up API for tests.
server: { baseUrl: "${url}" }
auth:
  default: open
  options:
    open: { title: Nobody, type: none }
    tokens:
      title: Existing tokens
      type: oauth2
      grant: refresh_token
      ui:
        schema:
          type: object
          required: [refresh_token]
          properties:
            access_token: { type: string, secret: true, title: Access token, description: Got with the other when absent. }
            refresh_token: { type: string, secret: true, title: Refresh token }
            client_id: { type: string, title: Client }
      methods:
        getOAuthConfig: { mapping: { clientId: "{{ input.client_id ?? 'desk' }}", tokenUri: "${url}/token" } }
        getCredentialsFromConnectionParameters:
          mapping: { accessToken: "{{ input.access_token }}", refreshToken: "{{ input.refresh_token }}" }
entities:
  items:
    title: Items
    actions:
      list:
        summary: All items, each looked up by itself.
        effect: read
        request: { path: /items }
        expand: { over: "{{ response.body.items }}", concurrency: 2, request: { path: "/items/{{ item.id }}" } }
        result: { value: { items: "{{ expanded }}" } }
      wait:
        summary: Waits for an answer that never comes.
        effect: read
        request: { path: /wait }
      html:
        summary: A page where data was expected.
        effect: read
        request: { path: /html }
  self:
    title: Self
    actions:
      get:
        summary: What the API was sent.
        effect: read
        params: { type: object, properties: { text: { type: string } } }
        request: { path: /self }
`;

/** Puts a definition where the program finds it. */
export async function writeDefinition(folder: string, name: string, text: string): Promise<string> {
  await mkdir(join(folder, name), { recursive: true });
  const file = join(folder, name, 'connector.yaml');
  await writeFile(file, text);
  return file;
}
