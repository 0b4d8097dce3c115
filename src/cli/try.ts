import { readFile } from 'node:fs/promises';
import { inputSchema } from '../auth/types.ts';
import { formOf } from '../connector/schema.ts';
import type { JsonSchema, Values } from '../connector/values.ts';
import { TielineError } from '../errors.ts';
import { optionNamed } from '../execute/connect.ts';
import { withoutSecrets } from '../execute/redaction.ts';
import { rehearse } from '../execute/rehearse.ts';
import type { HttpRequest } from '../network/send.ts';
import { everyConnector } from './connectors.ts';
import { parseObject } from './json.ts';
import { print } from './output.ts';

export type TryOptions = {
  readonly params: string;
  readonly input?: string;
  readonly option?: string;
  readonly response?: readonly string[];
  readonly status: string;
  readonly json?: boolean;
};

/**
 * `tieline connectors try <name> <entity> <action>`: the exact requests a call would make, with stand-ins for its
 * secrets, and what becomes of sample answers. Nothing is sent.
 */
export async function tryAction(name: string, entity: string, action: string, options: TryOptions): Promise<void> {
  const connector = (await everyConnector()).connector(name);
  const option = optionNamed(connector, options.option);
  const status = Number(options.status);
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new TielineError('usage', `--status is not the status of an answer: ${options.status}`);
  }
  const samples = await Promise.all((options.response ?? []).map(readSample));
  const input = { ...standIns(inputSchema(option)), ...parseObject(options.input ?? '{}', '--input') };
  const settings = standIns(connector.settings ?? {});
  const rehearsal = {
    entity,
    action,
    args: parseObject(options.params, '--params'),
    option: options.option,
    app: { clientId: '<clientId>', clientSecret: '<clientSecret>' },
    input,
    settings,
    credentials: { accessToken: '<accessToken>' },
  };
  const { requests, statements, secrets, result } = await rehearse(connector, rehearsal, ({ url }, i) => ({
    status,
    headers: { 'content-type': 'application/json' },
    bytes: samples[Math.min(i, samples.length - 1)] ?? Buffer.from('{}'),
    url,
  }));
  const clean = <T>(value: T): T => withoutSecrets(value, secrets.texts) as T;
  const shaped = 'outcome' in result ? { data: result.outcome.data, meta: result.outcome.meta } : undefined;
  const error = 'error' in result ? { code: result.error.code, message: result.error.message } : undefined;
  if (error && requests.length + statements.length === 0 && 'error' in result) throw result.error;
  const seen: { result?: typeof shaped; error?: typeof error } = samples.length > 0 ? { result: shaped, error } : {};
  print(
    clean({
      requests: requests.map((it) => visible(it, secrets.scrub)),
      ...(statements.length > 0 && { statements }),
      ...seen,
    }),
    options.json,
    (it) =>
      [
        ...it.requests.map((request) =>
          [
            `${request.method} ${request.url}`,
            ...Object.entries(request.headers).map(([header, value]) => `${header}: ${value}`),
            ...(request.body === undefined ? [] : ['', request.body]),
          ].join('\n'),
        ),
        ...(it.statements ?? []).map(({ statement, parameters }) => `${statement}\n${JSON.stringify(parameters)}`),
        ...(samples.length > 0 ? [JSON.stringify(it.result ?? { error: it.error }, null, 2)] : []),
      ].join('\n\n'),
  );
}

/** Values for fields that nobody typed: what the schema suggests, else the name in angle brackets. */
function standIns(schema: JsonSchema): Values {
  const { fields, required } = formOf(schema);
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]) => {
      const isNeeded = required.includes(name);
      const suggested = field.default ?? (isNeeded ? field.examples?.[0] : undefined);
      if (suggested !== undefined) return [[name, suggested]];
      if (!isNeeded && field.secret !== true) return [];
      return field.type === 'string' && field.format === undefined && !/url/i.test(name) ? [[name, `<${name}>`]] : [];
    }),
  );
}

function visible({ method, url, headers, body }: HttpRequest, scrub: (text: string) => string) {
  const text = body === undefined ? undefined : typeof body === 'string' ? body : '(multipart form)';
  const shown = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, withScheme(value, scrub)]));
  return { method, url: decodeStandIns(url.href), headers: shown, body: text };
}

/** A header whose value is secret as a whole still tells by which scheme. */
function withScheme(value: string, scrub: (text: string) => string): string {
  const [, scheme] = /^([A-Za-z]+) ./.exec(value) ?? [];
  return scheme !== undefined && scrub(value) === '[secret]' ? `${scheme} [secret]` : value;
}

/** Stand-ins in an address are easier to read as they were. */
const decodeStandIns = (href: string): string => href.replace(/%3C(\w+)%3E/g, '<$1>');

async function readSample(file: string): Promise<Buffer> {
  return readFile(file).catch((cause: NodeJS.ErrnoException) => {
    throw new TielineError('usage', `${file} cannot be read (${cause.code})`, { cause });
  });
}
