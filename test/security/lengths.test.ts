import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectAccount } from '../../src/execute/connect.ts';
import { execute } from '../../src/execute/execute.ts';
import { readForm } from '../../src/http/connect/form.ts';
import { createClientKey } from '../../src/integration/clientkey.ts';
import { localPrincipal } from '../../src/integration/principal.ts';
import { LARGEST_VALUES, LONGEST_NAME, LONGEST_URL, LONGEST_VALUE } from '../../src/limits.ts';
import { answerToolCall } from '../../src/mcp/toolcall.ts';
import { type Provider, startProvider } from '../execute/stage.ts';
import { type HttpStage, openHttpStage, type Tenant } from '../http/stage.ts';
import { parityConnectors } from '../mcp/paritycases.ts';

type Schema = {
  readonly type?: string | readonly string[];
  readonly maxLength?: number;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
};
type Operation = {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: Schema } } };
};
type Field = { readonly at: readonly string[]; readonly schema: Schema };

let provider: Provider;
let stage: HttpStage;
let tenant: Tenant;
let operations: { readonly method: string; readonly path: string; readonly operation: Operation }[];

beforeAll(async () => {
  provider = await startProvider();
  stage = await openHttpStage({ connectors: parityConnectors(provider), limits: { requests: 100_000 } });
  tenant = await stage.tenant();
  const { body } = await stage.request('GET', '/openapi.json');
  operations = Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods as object).map(([method, operation]) => ({ method, path, operation })),
  );
});
afterAll(async () => {
  await stage.close();
  await provider.close();
});

/** Each text that a value of the schema may hold, by its path. */
function textsOf(schema: Schema, at: readonly string[] = []): Field[] {
  const isFree = schema.enum === undefined && schema.const === undefined;
  if (schema.type === 'string') return isFree ? [{ at, schema }] : [];
  const { properties = {}, items, additionalProperties: others, anyOf = [] } = schema;
  return [
    ...Object.entries(properties).flatMap(([key, inner]) => textsOf(inner, [...at, key])),
    ...(items ? textsOf(items, [...at, '0']) : []),
    ...(typeof others === 'object' ? textsOf(others, [...at, 'x']) : []),
    ...anyOf.flatMap((inner) => textsOf(inner, at)),
  ];
}

/** A body that has the text there, and nothing else. */
function bodyOf({ at }: Field, text: string): unknown {
  return at.reduceRight<unknown>((inner, key) => (key === '0' ? [inner] : { [key]: inner }), text);
}

const fill = (path: string, name?: string, text = 'x') =>
  path.replace('/api/v1', '').replace(/\{(\w+)\}/g, (_, it: string) => (it === name ? text : 'x'));

describe('every text that a route takes', () => {
  it('has a bound in the document', () => {
    expect(operations.length).toBeGreaterThan(25);
    const unbounded = operations.flatMap(({ method, path, operation }) => [
      ...(operation.parameters ?? [])
        .filter(({ schema }) => textsOf(schema).some((it) => it.schema.maxLength === undefined))
        .map((it) => `${method} ${path} ${it.name}`),
      ...textsOf(operation.requestBody?.content['application/json'].schema ?? {})
        .filter((it) => it.schema.maxLength === undefined)
        .map((it) => `${method} ${path} ${it.at.join('.')}`),
    ]);
    expect(unbounded).toEqual([]);
  });

  it.each([10_000, 1_000_000])('is refused by name with %i characters', { timeout: 60_000 }, async (length) => {
    let count = 0;
    for (const { method, path, operation } of operations) {
      const verb = method.toUpperCase();
      for (const { name, in: place, schema } of operation.parameters ?? []) {
        if (textsOf(schema).length === 0) continue;
        const text = 'x'.repeat(length);
        const url = place === 'path' ? fill(path, name, text) : `${fill(path)}?${name}=${text}`;
        // Node itself takes no more than 16 KiB of an address.
        if (length > 16_000) expect((await fetch(`${stage.url}/api/v1${url}`, { method: verb })).status).toBe(431);
        else {
          const { status, body } = await stage.request(verb, url, { as: tenant });
          expect({ status, code: body.code, detail: body.detail }).toMatchObject(refused(name, schema));
        }
        count += 1;
      }
      for (const field of textsOf(operation.requestBody?.content['application/json'].schema ?? {})) {
        const text = 'x'.repeat(Math.max(length, (field.schema.maxLength ?? 0) + 1));
        const { status, body } = await stage.request(verb, fill(path), { as: tenant, body: bodyOf(field, text) });
        expect({ status, code: body.code, detail: body.detail }).toMatchObject(
          refused(field.at.join('.'), field.schema),
        );
        expect(body.detail.length).toBeLessThan(2_000);
        count += 1;
      }
    }
    expect(count).toBeGreaterThan(30);
  });

  const refused = (name: string, { maxLength }: Schema) => ({
    status: 400,
    code: 'arguments_invalid',
    detail: expect.stringMatching(new RegExp(`${name.replaceAll('.', '\\.')}: [^;]*\\b${maxLength}\\b`)),
  });
});

describe('values of a credential', () => {
  const link = (credentials: unknown) =>
    stage.request('POST', '/integrations/connectors', {
      as: tenant,
      body: { customer_name: 'ada', connector_type: 'sample', credentials },
    });

  it.each([
    ['a value', { token: 'x'.repeat(LONGEST_VALUE + 1) }, `token has more than ${LONGEST_VALUE}`],
    ['an address', { base_url: `https://x.test/${'x'.repeat(LONGEST_URL)}` }, `base_url has more than ${LONGEST_URL}`],
    ['a name', { ['x'.repeat(1_000_000)]: 'y' }, String(LONGEST_NAME)],
    ['an inner value', { a: { b: ['x'.repeat(LONGEST_VALUE + 1)] } }, String(LONGEST_VALUE)],
    [
      'all of them',
      Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`a${i}`, 'x'.repeat(60_000)])),
      String(LARGEST_VALUES),
    ],
  ])('are refused where they are too long: %s', async (_, credentials, words) => {
    const { status, body } = await link(credentials);
    expect([status, body.code]).toEqual([400, 'arguments_invalid']);
    expect(body.detail).toContain(words);
    expect(body.detail.length).toBeLessThan(1_000);
    await expect(
      connectAccount(stage.engine, localPrincipal, { connector: 'sample', input: credentials as never }),
    ).rejects.toMatchObject({ code: 'arguments_invalid', message: expect.stringContaining(words) });
  });

  it('may be as long as a key is', async () => {
    const { status } = await link({ token: 'x'.repeat(16_000) });
    expect(status).toBe(201);
  });
});

describe('names that come another way', () => {
  const long = 'x'.repeat(1_000_000);
  const call = { connector: 'sample', entity: 'things', action: 'get', params: {} };

  it.each(['connector', 'entity', 'action', 'identifier'])('are refused before the audit: %s', async (field) => {
    const before = stage.audit.length;
    await expect(execute(stage.engine, localPrincipal, { ...call, [field]: long })).rejects.toMatchObject({
      code: 'arguments_invalid',
      message: expect.stringMatching(/^\w+ has more than 256 characters$/),
    });
    expect(stage.audit.length).toBe(before);
  });

  it.each([
    ['sample_things_get', { integration: long }],
    ['integrations_connect', { connector: long }],
    ['integrations_connect', { connector: 'sample', identifier: long }],
    ['integrations_connect', { connector: 'sample', option: long }],
    ['integrations_disconnect', { connector: 'sample', identifier: long }],
    ['integrations_set_default', { connector: 'sample', identifier: long }],
    ['integrations_list', { connector: long }],
  ])('are refused as arguments of a tool: %s %o', async (name, args) => {
    const request = { signal: new AbortController().signal, notify: async () => {}, requestState: () => undefined };
    const peer = { era: 'legacy', opensUrls: false, name: undefined } as const;
    const answer = await answerToolCall(stage.engine, localPrincipal, { name, args, peer, request: request as never });
    const { error } = (answer as unknown as { structuredContent: { error: { code: string; message: string } } })
      .structuredContent;
    expect(error.code).toBe('arguments_invalid');
    expect(error.message).toMatch(/256/);
    expect(error.message.length).toBeLessThan(1_000);
  });

  it('are refused for keys, whoever makes them', async () => {
    const wanted = { name: 'x'.repeat(LONGEST_NAME + 1), organizations: [tenant.organization], now: 0 };
    await expect(createClientKey(stage.keystore, wanted)).rejects.toMatchObject({ code: 'arguments_invalid' });
  });

  it('are refused in the form of a link, which does not show them again', () => {
    const option = stage.engine.catalog.connector('sample').defaultOption;
    const typed = readForm(option, { 'input.token': 'x'.repeat(LONGEST_VALUE + 1) }, {});
    expect(typed.input).toEqual({});
    expect(typed.problems.token).toContain(String(LONGEST_VALUE));
  });
});
