import type { AuthOption } from '../connector/connector.ts';
import type { JsonSchema } from '../connector/values.ts';
import type { Scope } from '../expression/template.ts';
import type { Send } from '../network/send.ts';
import type { Renewal } from './credential.ts';

/** What authentication adds to a request. */
export type RequestParts = {
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
};

/** What a provider is asked with. `scope` holds app, input, credentials, settings and account. */
export type RenewContext = {
  readonly connector: string;
  readonly option: AuthOption;
  readonly scope: Scope;
  readonly send: Send;
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
};

/** One way to authenticate. Each type is one file, and one line in `types.ts`. */
export type AuthType = {
  /** What the user is asked for when the definition does not say. */
  readonly schema: JsonSchema;
  /** The parts of a request that carry the credential. Pure. */
  apply(option: AuthOption, scope: Scope): RequestParts;
  /** Absent for types whose credentials never change. */
  readonly renewal?: {
    /** True while there is no token yet. */
    isMissing(scope: Scope): boolean;
    /** True when there is something to ask the provider with. */
    isPossible(option: AuthOption, scope: Scope): boolean;
    /** Throws `reauthorization_required` when only the user can help, else `refresh_failed`. */
    renew(context: RenewContext): Promise<Renewal>;
  };
};
