import { TielineError } from '../errors.ts';
import type { ActionSpec, IdempotencyRule, PaginationRule, RetryRules } from './actionspec.ts';
import type { Definition } from './definition.ts';
import { type Plan, planAction } from './plan.ts';
import { extendSchema, inlineSchema } from './schema.ts';
import type { JsonSchema } from './values.ts';

/** A tool as MCP lists it. */
export type Tool = {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
  readonly annotations: {
    readonly title: string;
    readonly readOnlyHint: boolean;
    readonly destructiveHint: boolean;
    readonly idempotentHint: boolean;
    readonly openWorldHint: boolean;
  };
};

/** One entity/action pair of a connector. */
export type Action = {
  readonly connector: string;
  readonly entity: string;
  readonly name: string;
  readonly spec: ActionSpec;
  readonly pagination: PaginationRule | undefined;
  readonly retry: RetryRules | undefined;
  /** Where what it does twice is two things, and the provider can tell. */
  readonly idempotency: IdempotencyRule | undefined;
  readonly tool: Tool;
  /** The action's own parameters. */
  readonly params: JsonSchema;
  /** What a call may give: the parameters, and those of paging. The tool adds the account to it. */
  readonly args: JsonSchema;
  /** Compiled when first used. Throws `definition_invalid`. */
  plan(): Plan;
};

/** Longer names are cut by clients that put their own prefix before them. */
export const LONGEST_TOOL_NAME = 48;

/** Arguments that Tieline adds to tools; a definition cannot use these names. */
export const RESERVED_ARGUMENTS = ['integration', 'cursor', 'limit'] as const;

/** Begins the names of the tools that manage accounts; no connector can have it. */
export const RESERVED_CONNECTOR = 'integrations';

export const INTEGRATION_ARGUMENT = {
  type: 'string',
  description: 'Identifier of the account to use. The default account when absent.',
} as const;

/** Statements that read give their rows by pages: there is no limit to forget. */
const SQL_PAGES: PaginationRule = {
  kind: 'offset',
  start: 1,
  limit: { in: 'query', name: 'limit', default: 100, max: 1_000 },
};

export function buildAction(definition: Definition, entity: string, name: string, spec: ActionSpec): Action {
  const rules = new Map(Object.entries(definition.pagination));
  const ownPages = spec.paginate ?? (spec.sql && spec.effect === 'read' ? SQL_PAGES : undefined);
  const pagination = typeof ownPages === 'string' ? rules.get(ownPages) : ownPages;
  if (typeof spec.paginate === 'string' && !pagination) {
    throw new TielineError('definition_invalid', `${entity}.${name}: there is no pagination rule ${spec.paginate}`);
  }
  const params = inlineSchema(spec.params, definition.schemas);
  const paging = pagingArguments(pagination);
  let plan: Plan | undefined;
  return {
    connector: definition.connector,
    entity,
    name,
    spec,
    pagination,
    retry: spec.retry ?? definition.retry,
    idempotency: takesKey(spec) ? (spec.idempotency ?? definition.idempotency) : undefined,
    params,
    args: extendSchema(params, paging),
    tool: buildTool(
      definition,
      entity,
      name,
      spec,
      extendSchema(params, { integration: INTEGRATION_ARGUMENT, ...paging }),
    ),
    plan: () => {
      plan ??= planAction(spec, { pagination, errors: definition.errors });
      return plan;
    },
  };
}

/** Whether doing it twice is not the same as doing it once. */
export const takesKey = ({ effect }: ActionSpec): boolean => effect === 'create' || effect === 'update';

export const toolName = (connector: string, entity: string, action: string): string =>
  `${connector}_${entity}_${action}`;

function pagingArguments(pagination: PaginationRule | undefined): Record<string, unknown> {
  if (!pagination) return {};
  const cursor = { type: 'string', description: 'meta.page.cursor of the last answer, with the same other arguments.' };
  const { limit } = pagination;
  return {
    cursor,
    ...(limit && {
      limit: {
        type: 'integer',
        minimum: 1,
        maximum: limit.max,
        description: `Page size, ${limit.default} by default.`,
      },
    }),
  };
}

function buildTool(
  definition: Definition,
  entity: string,
  name: string,
  spec: ActionSpec,
  inputSchema: JsonSchema,
): Tool {
  const words = (text: string) => text.replaceAll('_', ' ');
  const title = `${definition.title}: ${spec.title ?? `${words(name)} ${words(entity)}`}`;
  return {
    name: toolName(definition.connector, entity, name),
    title,
    description: spec.summary,
    inputSchema,
    annotations: {
      title,
      readOnlyHint: spec.effect === 'read',
      destructiveHint: spec.destructive,
      idempotentHint: spec.effect === 'read' || spec.effect === 'idempotent',
      openWorldHint: true,
    },
  };
}
