import { z } from 'zod';
import { duration } from '../duration.ts';
import { expression, isPattern, jsonSchema, text, tree } from './values.ts';

/** How parameters are written and the answer is read, for every kind of request. */
export const transfer = {
  includeEmpty: z.boolean().default(false).describe('Sends null as an empty parameter of query or form, not as none.'),
  stream: z
    .boolean()
    .default(false)
    .describe('Reads a text/event-stream answer: the body is the list of its events, as {event, id, data}.'),
  until: expression
    .optional()
    .describe('With `stream`: true of the last `event`; by default the stream is read to its end.'),
};

/** Only a stream has a last event to wait for. */
export const needsStream = ({ stream, until }: { stream: boolean; until?: string | undefined }): boolean =>
  stream || until === undefined;

/** One HTTP request. At most one of `json`, `form`, `multipart` and `text` is its body. */
export const requestRule = z
  .strictObject({
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']).default('GET'),
    path: expression.optional().describe('Below the base URL. Each {{ }} is one encoded segment; a list is several.'),
    url: expression.optional().describe('A whole address on a declared host, instead of `path`.'),
    query: z.record(z.string(), tree).default({}).describe('A list repeats the parameter; an absent value drops it.'),
    headers: z.record(z.string(), expression).default({}),
    json: tree.optional(),
    form: z.record(z.string(), tree).optional(),
    multipart: z
      .array(
        z.strictObject({
          name: text,
          value: expression.optional(),
          file: expression.optional().describe('A file value: {name, mimeType, text or base64}.'),
        }),
      )
      .optional(),
    text: expression.optional(),
    contentType: z.string().optional(),
    followRedirects: z.boolean().default(false).describe('Also to other hosts, without any credential.'),
    ...transfer,
  })
  .refine(needsStream, { path: ['until'], error: 'needs stream' })
  .refine((it) => (it.path === undefined) !== (it.url === undefined), 'needs either path or url')
  .refine(
    (it) => [it.json, it.form, it.multipart, it.text].filter((body) => body !== undefined).length <= 1,
    'has more than one body',
  );

const mimeRule = z.strictObject({
  from: expression.optional(),
  to: tree.optional(),
  cc: tree.optional(),
  bcc: tree.optional(),
  replyTo: expression.optional(),
  subject: expression.optional(),
  text: expression.optional(),
  html: expression.optional(),
  inReplyTo: expression.optional(),
  references: tree.optional(),
  attachments: tree.optional().describe('A list of file values: {name, mimeType, text or base64}.'),
});

const step = z
  .strictObject({
    id: z.string().regex(/^[a-z][a-zA-Z0-9_]{0,31}$/),
    when: expression.optional().describe('The step is left out unless this is truthy.'),
    request: requestRule.optional(),
    mime: mimeRule.optional().describe('Builds an RFC 5322 message: steps.<id> is {base64url, messageId}.'),
    optional: z.boolean().default(false).describe('A failure leaves steps.<id> undefined instead of ending the call.'),
  })
  .refine((it) => (it.request === undefined) !== (it.mime === undefined), 'needs either request or mime');

export const errorRule = z.strictObject({
  when: z.strictObject({
    status: z
      .union([z.number().int(), z.array(z.number().int()).min(1), z.enum(['2xx', '3xx', '4xx', '5xx'])])
      .optional(),
    value: expression.optional().describe('Compared with `in` or `matches`; without them it must be truthy.'),
    in: z.array(z.json()).optional(),
    matches: z.string().refine(isPattern, 'is no regular expression').optional().describe('A regular expression.'),
  }),
  code: z.enum([
    'token_rejected',
    'reauthorization_required',
    'missing_scope',
    'forbidden',
    'not_found',
    'conflict',
    'rate_limited',
    'upstream_rejected',
    'upstream_failed',
  ]),
  message: expression.optional(),
  hint: expression.optional(),
});

export const retryRules = z.strictObject({
  attempts: z.number().int().min(1).max(10).default(3),
  on: z.array(z.union([z.number().int(), z.literal('network')])).default([429, 502, 503, 504, 'network']),
  backoff: z
    .strictObject({
      initial: duration.default(500),
      factor: z.number().min(1).default(2),
      max: duration.default(20_000),
    })
    .prefault({}),
  waitFrom: z
    .array(
      z.strictObject({
        header: text,
        format: z.enum(['auto', 'seconds', 'milliseconds', 'epoch_s', 'epoch_ms', 'iso8601', 'http_date', 'duration']),
        when: z.strictObject({ header: text, equals: z.string() }).optional(),
      }),
    )
    .default([{ header: 'retry-after', format: 'auto' }]),
});

/** Headers that say something else already. */
const TAKEN = [
  'accept',
  'authorization',
  'connection',
  'content-length',
  'content-type',
  'cookie',
  'host',
  'user-agent',
];

/** How a provider tells a request that comes again from another one (draft-ietf-httpapi-idempotency-key-header). */
export const idempotencyRule = z
  .strictObject({
    header: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, 'is no name of a header')
      .refine((it) => !TAKEN.includes(it.toLowerCase()), 'is a header with another meaning')
      .describe('Sent with a UUID that stays the same when the request is sent again.'),
  })
  .describe(
    'Of effects create and update, where the provider documents that it does what comes twice under one key once: they are sent again when their answer is lost.',
  );

const sqlRule = z.strictObject({
  statement: z
    .union([expression, z.strictObject({ postgresql: expression, mysql: expression, sqlite: expression })])
    .describe('One statement with :name parameters, or one for each kind of database where they differ.'),
  parameters: tree.default({}).describe('The value of each :name.'),
});

const place = z.strictObject({ in: z.enum(['query', 'json', 'header']).default('query'), name: text });

export const paginationRule = z
  .strictObject({
    kind: z.enum(['cursor', 'offset', 'page', 'link', 'next_url']),
    send: place.optional().describe('Where the cursor, offset or page number goes.'),
    next: expression.optional().describe('The next cursor or URL, from `response`.'),
    total: expression.optional().describe('How many records there are in all.'),
    stop: expression.optional().describe('True on the last page.'),
    start: z.number().int().default(1).describe('Number of the first page (kind page).'),
    limit: place
      .extend({ default: z.number().int().min(1), max: z.number().int().min(1) })
      .optional()
      .describe('Page size.'),
  })
  .refine((it) => it.send !== undefined || it.kind === 'link' || it.kind === 'next_url', 'needs send')
  .refine((it) => it.next !== undefined || (it.kind !== 'cursor' && it.kind !== 'next_url'), 'needs next');

const result = z
  .strictObject({
    value: tree.optional(),
    records: expression.optional(),
    each: tree.optional().describe('What each record becomes; `item` is the record.'),
    file: z
      .strictObject({
        base64: expression.optional().describe('The content; without it the body of the answer is the file.'),
        name: expression,
        mimeType: expression.optional(),
      })
      .optional(),
  })
  .refine(
    (it) => [it.value, it.records, it.file].filter((part) => part !== undefined).length === 1,
    'needs exactly one of value, records and file',
  )
  .refine((it) => it.each === undefined || it.records !== undefined, '`each` needs records');

export const action = z
  .strictObject({
    title: text.optional(),
    summary: text.describe('What the tool does, for the model: one or two sentences.'),
    effect: z.enum(['read', 'idempotent', 'create', 'update']),
    destructive: z.boolean().default(false),
    scopes: z.array(z.string()).default([]).describe('OAuth scopes of which any one suffices.'),
    params: jsonSchema.default({ type: 'object', properties: {} }),
    aliases: z.array(z.string().regex(/^[a-z0-9_]+\.[a-z0-9_]+$/)).default([]),
    request: requestRule.optional(),
    steps: z.array(step).min(1).max(8).optional(),
    sql: sqlRule.optional().describe('Read only and by pages if the effect is read, else committed by itself.'),
    paginate: z.union([z.string(), paginationRule]).optional().describe('A rule of `pagination`, or one of its own.'),
    expand: z
      .strictObject({
        over: expression,
        max: z.number().int().min(1).max(100).default(25),
        concurrency: z.number().int().min(1).max(10).default(5),
        request: requestRule,
      })
      .optional()
      .describe('One request for each item; `expanded` is the list of their bodies.'),
    result: result.optional().describe('The body of the answer by default, or the rows.'),
    errors: z.array(errorRule).default([]),
    retry: retryRules.optional(),
    idempotency: idempotencyRule.optional(),
  })
  .refine(
    (it) => [it.request, it.steps, it.sql].filter((part) => part !== undefined).length === 1,
    'needs either request or steps, or sql',
  )
  .refine((it) => it.steps === undefined || it.steps.at(-1)?.request !== undefined, 'the last step must be a request');

export type ActionSpec = z.infer<typeof action>;
export type RequestRule = z.infer<typeof requestRule>;
export type MimeRule = z.infer<typeof mimeRule>;
export type PaginationRule = z.infer<typeof paginationRule>;
export type ErrorRule = z.infer<typeof errorRule>;
export type RetryRules = z.infer<typeof retryRules>;
export type IdempotencyRule = z.infer<typeof idempotencyRule>;
