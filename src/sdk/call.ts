import type { ActionName, ConnectorName, EntityName, Params } from './catalog.ts';
import type { AttemptOptions } from './options.ts';
import { type Outcome, Result } from './result.ts';

export type CallOptions = AttemptOptions & {
  readonly signal?: AbortSignal | undefined;
  /** 1 to 255 characters: under the same key the same call is made once in a day, however often it is asked for. */
  readonly idempotencyKey?: string | undefined;
};

type Loose = Readonly<Record<string, unknown>>;

/** `params` may be left out where none is required. */
export type WithParams<P> = Partial<P> extends P ? { readonly params?: P } : { readonly params: P };

/** The same for a list of arguments. Of an unknown action it is that of any, so that the action is what is reported. */
export type ParamsAndOptions<P, O> = P extends unknown
  ? Partial<P> extends P
    ? [params?: P, options?: O]
    : [params: P, options?: O]
  : never;

/** One call: what to do, and as which account. */
export type Call<C extends ConnectorName, E extends EntityName<C>, A extends ActionName<C, E>> = CallOptions &
  WithParams<Params<C, E, A>> & {
    readonly connector: C;
    readonly entity: E;
    readonly action: A;
    /** Identifier of the account; the default one when absent. */
    readonly identifier?: string | undefined;
  };

/** A call whose names and parameters were checked, or are for the server to check. */
export type PlainCall = CallOptions & {
  readonly connector: string;
  readonly entity: string;
  readonly action: string;
  readonly params?: unknown;
  readonly identifier?: string | undefined;
};

/** Makes one call. */
export type Run = (call: PlainCall & { readonly params: Loose }) => Promise<Outcome>;

/** Makes a call whose result can be paged. */
export async function resultOf<T = unknown>(run: Run, call: PlainCall): Promise<Result<T>> {
  const params = givenOf(call.params ?? {});
  // The next page is another call.
  const { idempotencyKey: _, ...next } = call;
  const again = (cursor: string) => run({ ...next, params: { ...params, cursor } });
  return new Result<T>(await run({ ...call, params }), again);
}

/** JSON has no undefined, and who gives it means the same as who does not. */
const givenOf = (params: object): Loose =>
  Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined));

/** `connect('gmail')`: a call said step by step. Each step gives a new one. */
export type Connected<C extends ConnectorName> = {
  action<E extends EntityName<C>, A extends ActionName<C, E>>(entity: E, action: A): CallBuilder<Params<C, E, A>>;
};

export type CallBuilder<P> = {
  params(params: P): CallBuilder<P>;
  /** Which account; the default one without. */
  identifier(identifier: string | undefined): CallBuilder<P>;
  /** Milliseconds for each attempt. */
  timeout(ms: number): CallBuilder<P>;
  /** 1 to 10. */
  maxAttempts(count: number): CallBuilder<P>;
  signal(signal: AbortSignal): CallBuilder<P>;
  /** See `CallOptions`. */
  idempotencyKey(key: string): CallBuilder<P>;
  /** `T` is what the caller knows of the data. */
  execute<T = unknown>(): Promise<Result<T>>;
};

export function connectedTo<C extends ConnectorName>(run: Run, connector: C): Connected<C> {
  return { action: (entity, action) => builderOf(run, { connector, entity, action }) };
}

function builderOf<P>(run: Run, call: PlainCall): CallBuilder<P> {
  const and = (more: Partial<PlainCall>): CallBuilder<P> => builderOf(run, { ...call, ...more });
  return {
    params: (params) => and({ params }),
    identifier: (identifier) => and({ identifier }),
    timeout: (timeout) => and({ timeout }),
    maxAttempts: (maxAttempts) => and({ maxAttempts }),
    signal: (signal) => and({ signal }),
    idempotencyKey: (idempotencyKey) => and({ idempotencyKey }),
    execute: () => resultOf(run, call),
  };
}
