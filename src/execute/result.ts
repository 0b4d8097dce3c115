import type { ResultPlan } from '../connector/plan.ts';
import { TielineError } from '../errors.ts';
import type { Scripts } from '../expression/sandbox.ts';
import type { Scope, Template } from '../expression/template.ts';
import { decodeBase64, mimeTypeOf } from './file.ts';
import type { Position } from './paging.ts';

/** A file in a result: what it is, and its content beside the data. */
export type FileContent = { readonly name: string; readonly mimeType: string; readonly bytes: Uint8Array };

export type Meta = {
  /** Identifier of the account that served the call. */
  readonly integration: string;
  /** Who that account is at the provider, where the connector asked. */
  readonly account?: string;
  readonly page?: { readonly cursor?: string; readonly hasMore: boolean };
  readonly truncated?: { readonly returned: number; readonly of: number; readonly hint: string };
};

export type Outcome = {
  readonly data: unknown;
  readonly meta: Meta;
  readonly file?: FileContent;
  /** Of an earlier call under the same idempotency key. */
  readonly isReplayed?: true;
};

/** With the data as JSON, which is made on the way. */
export type OutcomeJson = Outcome & { readonly json: string };

export type Shaped = {
  readonly data: unknown;
  /** How many records the provider gave, where the result is a list. */
  readonly count: number | undefined;
  readonly file?: FileContent;
};

/** What one call of an action gave, whatever it was asked over. */
export type Done = {
  readonly shaped: Shaped;
  /** Where the next page starts. */
  readonly next: Position | undefined;
  /** Texts that must not leave with the data, longest first. */
  readonly secrets: readonly string[];
};

/** What of an answer the caller gets. Pure. */
export function shapeResult(plan: ResultPlan, scope: Scope, bytes: Uint8Array, scripts: Scripts | undefined): Shaped {
  if (plan.kind === 'value') return { data: plan.value.evaluate(scope, scripts) ?? null, count: undefined };
  if (plan.kind === 'file') return shapeFile(plan, scope, bytes, scripts);
  const records = plan.records.evaluate(scope, scripts) ?? [];
  if (!Array.isArray(records)) {
    throw new TielineError('upstream_invalid', 'the provider gave no list where one was expected');
  }
  const { each } = plan;
  const data = each ? records.map((item) => each.evaluate({ ...scope, item }, scripts) ?? null) : records;
  return { data, count: records.length };
}

function shapeFile(
  plan: Extract<ResultPlan, { kind: 'file' }>,
  scope: Scope,
  body: Uint8Array,
  scripts: Scripts | undefined,
): Shaped {
  const textOf = (template: Template | undefined) => {
    const value = template?.evaluate(scope, scripts);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const name = textOf(plan.name) ?? 'file';
  const declared = textOf(plan.mimeType)?.split(';')[0]?.trim().toLowerCase();
  const mimeType = mimeTypeOf({ name, mimeType: declared });
  const encoded = plan.base64?.evaluate(scope, scripts);
  // Content that is not there is no empty file.
  const bytes = plan.base64 ? (typeof encoded === 'string' ? decodeBase64(encoded) : undefined) : body;
  if (!bytes) throw new TielineError('upstream_invalid', `the content of ${name} is not base64`);
  return { data: { name, mimeType, bytes: bytes.length }, count: undefined, file: { name, mimeType, bytes } };
}
