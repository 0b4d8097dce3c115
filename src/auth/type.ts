import type { AuthOption } from '../connector/connector.ts';
import type { RequestPlan } from '../connector/plan.ts';
import type { JsonSchema, Values } from '../connector/values.ts';
import type { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import type { HttpRequest, Send, TlsMaterial } from '../network/send.ts';
import type { Secrets } from '../secrets.ts';
import type { Renewal } from './credential.ts';

/** What a server asked to be answered with: the WWW-Authenticate header of its 401, answered for the `count`th time. */
export type Challenge = { readonly text: string; readonly count: number };

/** What authentication depends on besides credential and request, given from outside so that it stays pure. */
export type Moment = {
  /** Epoch milliseconds. */
  readonly now: number;
  /** A text that was never used before. */
  nonce(): string;
  /** For types with `challenges`; absent until the server has sent one. */
  readonly challenge?: Challenge | undefined;
  /** For expressions that are more than a path. */
  readonly scripts?: Scripts | undefined;
  /** Whose account it is, for types that say so to the other side. */
  readonly user?: VouchedUser | undefined;
  /** Where the requests of the account may go, each as `URL.host`. */
  readonly hosts?: ReadonlySet<string> | undefined;
};

/** A user for whom Tieline speaks. */
export type VouchedUser = {
  readonly id: string;
  readonly organization: string;
  /** A JWT of Tieline's own with the user as subject. `ttlSeconds`: at most 86,400. */
  signToken(token: {
    readonly audience: string;
    readonly ttlSeconds: number;
    readonly claims: Values;
  }): Promise<string>;
};

/** What a provider answered, as expressions see it. */
export type Answered = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
};

export type AskOptions = {
  /** Where paths begin, if not at the connector's base URL. */
  readonly baseUrl?: string | undefined;
  readonly tls?: TlsMaterial | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** Makes a request of a definition, without any credential but those in its own expressions. Any status is an answer. */
export type Ask = (plan: RequestPlan, scope: Scope, options?: AskOptions) => Promise<Answered>;

/** What a provider gave, with facts about the account that are no secrets, such as its own base URL. */
export type Granted = Renewal & { readonly facts?: Values | undefined };

/** What a provider is asked with. `scope` holds app, input, secrets, credentials, settings and account. */
export type RenewContext = {
  readonly connector: string;
  readonly option: AuthOption;
  readonly scope: Scope;
  readonly send: Send;
  readonly ask: Ask;
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
  readonly scripts?: Scripts | undefined;
  /** When the whole has to be over, by `performance.now()`. */
  readonly endsAt?: number | undefined;
  /** Told what the provider is asked with and gives. */
  readonly secrets?: Secrets | undefined;
};

/** One way to authenticate. Each type is one file, and one line in `types.ts`. */
export type AuthType = {
  /** What the user is asked for when the definition does not say. */
  readonly schema: JsonSchema;
  /** The request as the account: the last step before it is sent, repeated for each redirect within the origin. */
  apply(option: AuthOption, scope: Scope, request: HttpRequest, moment: Moment): HttpRequest | Promise<HttpRequest>;
  /** The certificate that the connection itself shows. */
  tls?(option: AuthOption, scope: Scope, scripts?: Scripts): TlsMaterial;
  /** For types that answer what a 401 asks: the request is repeated once then. */
  readonly challenges?: {
    canAnswer(challenge: string): boolean;
    /** Whose challenges are kept together at one host. */
    of(option: AuthOption, scope: Scope, scripts?: Scripts): string;
  };
  /** Absent for types whose credentials never change. */
  readonly renewal?: {
    /** True while there is no token yet. */
    isMissing(scope: Scope): boolean;
    /** True when there is something to ask the provider with. */
    isPossible(option: AuthOption, scope: Scope): boolean;
    /** Throws `reauthorization_required` when only the user can help, else `refresh_failed`. */
    renew(context: RenewContext): Promise<Granted>;
  };
};
