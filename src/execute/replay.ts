import { isDeepStrictEqual } from 'node:util';
import type { Connector } from '../connector/connector.ts';
import type { Example } from '../connector/definition.ts';
import type { HttpRequest, HttpResponse } from '../network/send.ts';
import { rehearse } from './rehearse.ts';

type Exchange = Example['exchanges'][number];

/** Replays one recorded example of a definition. Gives what did not come out as recorded; nothing when all did. */
export async function replay(connector: Connector, example: Example): Promise<string[]> {
  const problems: string[] = [];
  const [entity = '', action = ''] = example.call.split('.');
  const { args, option, input, settings, account, credentials, exchanges } = example;
  // Requests of a fan-out leave in no fixed order, so each takes the first exchange that fits it.
  const left = [...exchanges];
  const { result } = await rehearse(
    connector,
    {
      entity,
      action,
      args,
      option,
      input,
      settings,
      account,
      credentials,
      app: { clientId: 'test-client', clientSecret: 'test-secret' },
    },
    (request) => {
      const fitting = left.findIndex((it) => differences(it.request, request).length === 0);
      const [taken] = left.splice(Math.max(0, fitting), 1);
      if (!taken) {
        problems.push(`an unexpected request: ${request.method} ${request.url.href}`);
        return response({ status: 500, headers: {} }, request);
      }
      if (fitting < 0) problems.push(...differences(taken.request, request));
      return response(taken.respond, request);
    },
  );
  if (left.length > 0) problems.push(`${left.length} of ${exchanges.length} requests were not made`);
  if ('error' in result) {
    if (result.error.code !== example.error) problems.push(`failed with ${result.error.code}: ${result.error.message}`);
    return problems;
  }
  const { data, meta } = result.outcome;
  if (example.error !== undefined) problems.push(`did not fail with ${example.error}`);
  const plain: unknown = JSON.parse(JSON.stringify(data));
  if (example.data !== undefined && !isDeepStrictEqual(plain, example.data))
    problems.push(`data is ${JSON.stringify(plain)}`);
  if (example.hasMore !== undefined && meta.page?.hasMore !== example.hasMore)
    problems.push(`hasMore is ${meta.page?.hasMore}`);
  return problems;
}

function differences(wanted: Exchange['request'], made: HttpRequest): string[] {
  const problems: string[] = [];
  const compare = (what: string, expected: unknown, actual: unknown) => {
    if (!isDeepStrictEqual(expected, actual))
      problems.push(`${what} is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`);
  };
  compare('method', wanted.method, made.method);
  compare('url', canonical(new URL(wanted.url)), canonical(made.url));
  for (const [name, value] of Object.entries(wanted.headers ?? {}))
    compare(`header ${name}`, value, made.headers[name.toLowerCase()]);
  const text = typeof made.body === 'string' ? made.body : '';
  if (wanted.json !== undefined) compare('json', wanted.json, parsed(text));
  if (wanted.form !== undefined) compare('form', wanted.form, Object.fromEntries(new URLSearchParams(text)));
  const pattern = /^\/(.*)\/$/s.exec(wanted.text ?? '')?.[1];
  if (pattern !== undefined && !new RegExp(pattern).test(text))
    problems.push(`body does not match ${wanted.text}: ${text}`);
  if (pattern === undefined && wanted.text !== undefined) compare('body', wanted.text, text);
  return problems;
}

/** The address with its parameters sorted: their order means nothing, that of repeated ones does. */
function canonical(url: URL): string {
  const sorted = new URL(url);
  sorted.searchParams.sort();
  return sorted.href;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function response(
  recorded: Partial<Exchange['respond']> & { status: number; headers: Record<string, string> },
  { url }: HttpRequest,
): HttpResponse {
  const { status, json, text, base64 } = recorded;
  const headers = Object.fromEntries(
    Object.entries(recorded.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  if (json !== undefined) headers['content-type'] ??= 'application/json';
  const bytes =
    base64 !== undefined
      ? Buffer.from(base64, 'base64')
      : Buffer.from(json !== undefined ? JSON.stringify(json) : (text ?? ''));
  return { status, headers, bytes, url };
}
