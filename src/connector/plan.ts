import { compilePathTemplate, compileTemplate, type PathTemplate, type Template } from '../expression/template.ts';
import type { ActionSpec, ErrorRule, MimeRule, PaginationRule, RequestRule } from './actionspec.ts';

/** A request rule with its expressions compiled. */
export type RequestPlan = {
  readonly method: RequestRule['method'];
  readonly target: { readonly path: PathTemplate } | { readonly url: Template };
  readonly query: Template;
  readonly headers: Template;
  readonly body: BodyPlan | undefined;
  readonly followRedirects: boolean;
  readonly includeEmpty?: boolean;
  /** Present where the answer is read as events. */
  readonly stream?: { readonly until: Template | undefined } | undefined;
};

export type BodyPlan =
  | { readonly kind: 'json' | 'form' | 'text'; readonly content: Template; readonly contentType: string | undefined }
  | { readonly kind: 'multipart'; readonly parts: readonly PartPlan[] };

export type PartPlan = {
  readonly name: string;
  readonly value: Template | undefined;
  readonly file: Template | undefined;
};

export type StepPlan = {
  readonly id: string | undefined;
  readonly when: Template | undefined;
  readonly optional: boolean;
} & ({ readonly request: RequestPlan } | { readonly mime: Template });

export type ErrorPlan = {
  readonly status: ErrorRule['when']['status'];
  readonly value: Template | undefined;
  readonly in: readonly unknown[] | undefined;
  readonly matches: RegExp | undefined;
  readonly code: ErrorRule['code'];
  readonly message: Template | undefined;
  readonly hint: Template | undefined;
};

export type PaginationPlan = Omit<PaginationRule, 'next' | 'total' | 'stop'> & {
  readonly next: Template | undefined;
  readonly total: Template | undefined;
  readonly stop: Template | undefined;
};

export type ResultPlan =
  | { readonly kind: 'value'; readonly value: Template }
  | { readonly kind: 'records'; readonly records: Template; readonly each: Template | undefined }
  | {
      readonly kind: 'file';
      readonly base64: Template | undefined;
      readonly name: Template;
      readonly mimeType: Template | undefined;
    };

export type ExpandPlan = {
  readonly over: Template;
  readonly max: number;
  readonly concurrency: number;
  readonly request: RequestPlan;
};

export type SqlPlan = {
  /** Gives a text, or one for each dialect. */
  readonly statement: Template;
  readonly parameters: Template;
};

/** Everything one call of an action does, in order: steps, paging, fan-out, result, and what counts as failure. */
export type Plan = {
  /** None where a statement for a database is all there is. */
  readonly steps: readonly StepPlan[];
  readonly sql: SqlPlan | undefined;
  readonly pagination: PaginationPlan | undefined;
  readonly expand: ExpandPlan | undefined;
  readonly result: ResultPlan;
  readonly errors: readonly ErrorPlan[];
};

export function planAction(
  spec: ActionSpec,
  shared: { readonly pagination: PaginationRule | undefined; readonly errors: readonly ErrorRule[] },
): Plan {
  const { request, sql } = spec;
  const only = { id: undefined, when: undefined, request, mime: undefined, optional: false };
  const steps = spec.steps ?? (sql ? [] : [only]);
  return {
    steps: steps.map((it) => ({
      id: it.id,
      when: optionally(it.when),
      optional: it.optional,
      ...(it.request ? { request: planRequest(it.request) } : { mime: compileTemplate(it.mime ?? ({} as MimeRule)) }),
    })),
    sql: sql && { statement: compileTemplate(sql.statement), parameters: compileTemplate(sql.parameters) },
    pagination: shared.pagination && planPagination(shared.pagination),
    expand: spec.expand && {
      ...spec.expand,
      over: compileTemplate(spec.expand.over),
      request: planRequest(spec.expand.request),
    },
    result: planResult(spec),
    errors: [...spec.errors, ...shared.errors].map(planError),
  };
}

export function planRequest(rule: RequestRule): RequestPlan {
  return {
    method: rule.method,
    target: rule.path !== undefined ? { path: compilePathTemplate(rule.path) } : { url: compileTemplate(rule.url) },
    query: compileTemplate(rule.query),
    headers: compileTemplate(rule.headers),
    body: planBody(rule),
    followRedirects: rule.followRedirects,
    includeEmpty: rule.includeEmpty,
    stream: rule.stream ? { until: optionally(rule.until) } : undefined,
  };
}

function planBody(rule: RequestRule): BodyPlan | undefined {
  if (rule.multipart) {
    const parts = rule.multipart.map((it) => ({
      name: it.name,
      value: optionally(it.value),
      file: optionally(it.file),
    }));
    return { kind: 'multipart', parts };
  }
  for (const kind of ['json', 'form', 'text'] as const) {
    const content = rule[kind];
    if (content !== undefined) return { kind, content: compileTemplate(content), contentType: rule.contentType };
  }
  return undefined;
}

export function planError(rule: ErrorRule): ErrorPlan {
  return {
    status: rule.when.status,
    value: optionally(rule.when.value),
    in: rule.when.in,
    matches: rule.when.matches === undefined ? undefined : new RegExp(rule.when.matches, 'i'),
    code: rule.code,
    message: optionally(rule.message),
    hint: optionally(rule.hint),
  };
}

function planPagination(rule: PaginationRule): PaginationPlan {
  return { ...rule, next: optionally(rule.next), total: optionally(rule.total), stop: optionally(rule.stop) };
}

function planResult({ result, sql, effect }: ActionSpec): ResultPlan {
  if (sql && !result) {
    return effect === 'read'
      ? { kind: 'records', records: compileTemplate('{{ response.rows }}'), each: undefined }
      : { kind: 'value', value: compileTemplate('{{ response }}') };
  }
  if (result?.records !== undefined) {
    return { kind: 'records', records: compileTemplate(result.records), each: optionally(result.each) };
  }
  if (result?.file) {
    const { base64, name, mimeType } = result.file;
    return { kind: 'file', base64: optionally(base64), name: compileTemplate(name), mimeType: optionally(mimeType) };
  }
  return { kind: 'value', value: compileTemplate(result?.value ?? '{{ response.body }}') };
}

const optionally = (source: unknown): Template | undefined =>
  source === undefined ? undefined : compileTemplate(source);
