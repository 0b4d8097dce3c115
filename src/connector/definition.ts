import { z } from 'zod';
import { LONGEST_CALL_MS } from '../deadline.ts';
import { duration } from '../duration.ts';
import { action, errorRule, idempotencyRule, paginationRule, requestRule, retryRules } from './actionspec.ts';
import { auth } from './authspec.ts';
import { expression, jsonSchema, size, text, tree } from './values.ts';

/**
 * The definition format, version 1: what `connectors/<name>/connector.yaml` may say. This schema is the source;
 * `connector.schema.json`, which editors read, is generated from it. Unknown keys are errors everywhere.
 */
const name = (longest: number) => z.string().regex(new RegExp(`^[a-z][a-z0-9_]{0,${longest - 1}}$`));

const ofCall = duration.refine(
  (it) => it <= LONGEST_CALL_MS,
  `is at most ${LONGEST_CALL_MS / 1_000}s, as a whole call`,
);

const server = z
  .strictObject({
    baseUrl: expression.optional().describe('Where the API lives. Every request stays below this address.'),
    address: tree
      .optional()
      .describe(
        'Where the database is: url, or else driver, host, port, database, username and password; tls and ca go with both.',
      ),
    testPath: text.optional().describe('A path that answers 2xx for a working account.'),
    allowHosts: z.array(expression).default([]).describe('Other hosts that requests, tokens or files come from.'),
    trustedCa: expression
      .optional()
      .describe('PEM certificates to trust at the base URL instead of the usual authorities; empty means the usual.'),
    clientCertificate: z
      .strictObject({ cert: expression, key: expression, passphrase: expression.optional() })
      .optional()
      .describe('PEM of what is shown to the base URL in the TLS handshake.'),
    headers: z.record(z.string(), expression).default({}).describe('Sent with every request.'),
    query: z.record(z.string(), expression).default({}).describe('Sent with every request.'),
    timeouts: z
      .strictObject({
        connect: duration.default(5_000),
        read: ofCall.default(30_000),
        total: ofCall.default(LONGEST_CALL_MS),
      })
      .prefault({})
      .describe('Of a database only `total` counts. A whole call ends after 50 s, however many requests it makes.'),
    maxResponse: size
      .default(8 * 1024 * 1024)
      .describe('Longest answer that is read, decompressed. 8MB by default. A page of a database has that at most.'),
  })
  .meta({ oneOf: [{ required: ['baseUrl'] }, { required: ['address'] }] });

const identity = z.strictObject({
  request: requestRule,
  key: expression.describe('What never changes about the account, for example its ID at the provider.'),
  label: expression.describe('What a person knows the account by.'),
  identifier: expression.optional().describe('Proposed identifier of the integration. The label by default.'),
});

const entity = z.strictObject({
  title: text,
  actions: z.record(name(24), action).refine((actions) => Object.keys(actions).length > 0, 'needs at least one action'),
});

const exchange = z.strictObject({
  request: z.strictObject({
    method: z.string().default('GET'),
    url: z.string(),
    headers: z.record(z.string(), z.string()).optional(),
    json: z.json().optional(),
    form: z.record(z.string(), z.string()).optional(),
    text: z.string().optional().describe('The body as text; one that starts and ends with / is a pattern.'),
  }),
  respond: z.strictObject({
    status: z.number().int().default(200),
    headers: z.record(z.string(), z.string()).default({}),
    json: z.json().optional(),
    text: z.string().optional(),
    base64: z.string().optional(),
  }),
});

const example = z.strictObject({
  name: text,
  call: z.string().regex(/^[a-z0-9_]+\.[a-z0-9_]+$/, 'is written entity.action'),
  args: z.record(z.string(), z.json()).default({}),
  option: z.string().optional().describe('The auth option to use; the default one when absent.'),
  settings: z.record(z.string(), z.json()).default({}),
  input: z.record(z.string(), z.json()).default({}),
  account: z.record(z.string(), z.json()).default({}),
  credentials: z.record(z.string(), z.json()).default({}),
  exchanges: z.array(exchange).min(1),
  data: z.json().optional().describe('What the call must give as `data`.'),
  hasMore: z.boolean().optional(),
  error: z.string().optional().describe('The error code the call must fail with.'),
});

const format = z.strictObject({
  format: z.literal(1),
  connector: name(24).describe('Prefix of every tool name.'),
  version: z.string().regex(/^\d+\.\d+\.\d+$/, 'is three numbers, for example 1.0.0'),
  title: text,
  summary: text,
  docs: z.strictObject({ api: z.url().optional(), auth: z.url().optional() }).default({}),
  optIn: z.boolean().default(false).describe('Left out unless the configuration names it.'),
  transport: z.enum(['http', 'sql']).default('http').describe('sql: the actions are statements for a database.'),
  server,
  app: z
    .strictObject({ schema: jsonSchema, helpUri: z.url().optional() })
    .optional()
    .describe('What the operator sets once: client ID and secret of an OAuth app.'),
  settings: jsonSchema.optional().describe('Per integration, not secret.'),
  auth,
  identity: identity.optional(),
  errors: z.array(errorRule).default([]),
  retry: retryRules.optional(),
  idempotency: idempotencyRule.optional(),
  pagination: z.record(z.string(), paginationRule).default({}),
  schemas: z
    .record(z.string(), jsonSchema)
    .default({})
    .describe('Named parts that params may `$ref` as #/schemas/<name>.'),
  functions: z.record(z.string(), z.string()).default({}).describe('JavaScript arrow functions for expressions.'),
  entities: z.record(name(32), entity),
  tests: z.array(example).default([]).describe('Recorded exchanges, replayed by `tieline connectors lint`.'),
});

/** What a database has no use for, by where it stands: a rule that nothing follows would mislead. */
const HTTP_ONLY = {
  definition: ['identity', 'errors', 'retry', 'idempotency', 'pagination', 'tests'],
  server: ['baseUrl', 'testPath', 'allowHosts', 'trustedCa', 'clientCertificate', 'headers', 'query'],
  action: ['paginate', 'expand', 'errors', 'retry', 'idempotency'],
  result: ['file'],
  methods: ['test'],
};

/** Auth types that only hold what the user typed. */
const WITHOUT_REQUESTS: readonly string[] = ['none', 'basic'];

function checkTransport(it: z.infer<typeof format>, context: z.RefinementCtx): void {
  const { transport, server, auth, entities } = it;
  const complain = (path: PropertyKey[], message: string) => context.addIssue({ code: 'custom', path, message });
  const refuse = (path: PropertyKey[], part: Readonly<Record<string, unknown>>, keys: readonly string[]) => {
    for (const key of keys) {
      if (isGiven(part[key])) complain([...path, key], `transport ${transport} has no use for it`);
    }
  };
  const isSql = transport === 'sql';
  const needed = isSql ? 'address' : 'baseUrl';
  if (server[needed] === undefined) complain(['server', needed], `transport ${transport} needs it`);
  refuse(['server'], server, isSql ? HTTP_ONLY.server : ['address']);
  if (isSql) {
    refuse([], it, HTTP_ONLY.definition);
    refuse(['auth', 'methods'], auth.methods, HTTP_ONLY.methods);
  }
  for (const [key, option] of Object.entries(isSql ? auth.options : {})) {
    const path = ['auth', 'options', key];
    if (!WITHOUT_REQUESTS.includes(option.type)) complain([...path, 'type'], 'transport sql takes none or basic');
    refuse([...path, 'methods'], option.methods, HTTP_ONLY.methods);
  }
  for (const [entity, { actions }] of Object.entries(entities)) {
    for (const [name, spec] of Object.entries(actions)) {
      const path = ['entities', entity, 'actions', name];
      if (!isSql) refuse(path, spec, ['sql']);
      else if (!spec.sql) complain(path, 'transport sql needs sql');
      else {
        refuse(path, spec, HTTP_ONLY.action);
        refuse([...path, 'result'], spec.result ?? {}, HTTP_ONLY.result);
      }
    }
  }
}

/** Not what stands there by default. */
const isGiven = (value: unknown): boolean =>
  typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : value !== undefined;

export const definition = format.superRefine(checkTransport);

export type Definition = z.infer<typeof definition>;
export type Example = z.infer<typeof example>;
