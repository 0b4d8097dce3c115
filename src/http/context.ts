import type { TrustedIssuer } from '../auth/issuer.ts';
import type { OpenIdProvider } from '../auth/openid.ts';
import type { SigningKeys } from '../auth/signingkeys.ts';
import type { Engine } from '../execute/engine.ts';
import type { ClientKey } from '../integration/clientkey.ts';
import type { Principal, Scope } from '../integration/principal.ts';
import type { User } from '../integration/user.ts';
import type { Json } from '../mcp/direct.ts';
import type { PlainRequest } from '../mcp/plain.ts';

/** What all routes stand on. One per process. */
export type Backend = {
  readonly engine: Engine;
  readonly signingKeys: SigningKeys;
  /** Where clients reach this server, without a slash at the end: issuer and audience of its tokens. */
  readonly url: string;
  readonly limits: Limits;
  /** Proxies that are believed whom they speak for: addresses and CIDR ranges. None by default. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Whether this server has been asked to end, so that others are to be asked. */
  readonly isEnding?: (() => boolean) | undefined;
  /** Absent where MCP is not served over HTTP. */
  readonly mcp?: McpEndpoint | undefined;
  /** Whose access tokens are taken at `/mcp`, besides those of this server. */
  readonly issuers?: readonly UserIssuer[] | undefined;
  /** Whether this server issues access tokens itself. */
  readonly authorizationServer?: boolean | undefined;
  /** OAuth clients that the operator has named, besides those that come by themselves. */
  readonly clients?: readonly RegisteredClient[] | undefined;
  /** Where users sign in instead of with their secret. */
  readonly signIn?: SignIn | undefined;
  /** Present where the person at this machine is served instead of registered users: what pages call them. */
  readonly local?: { readonly organization: string; readonly user: string } | undefined;
};

/** An OAuth client that the operator vouches for. */
export type RegisteredClient = {
  /** `client_id`. */
  readonly id: string;
  readonly name: string;
  readonly redirectUris: readonly string[];
  /** Absent for public clients. */
  readonly secret?: string | undefined;
};

/** Single sign-on, and which users of which organization it speaks for. */
export type SignIn = OpenIdProvider & {
  readonly organization: string;
  /** The claim that is the identifier of the user. */
  readonly identifierClaim: string;
  /** Whether a user is made on first sight. */
  readonly createUsers: boolean;
};

/** MCP as HTTP sees it: who asks has been found out before. */
export type McpEndpoint = {
  /** `body` is the JSON of the request; undefined where there is none. */
  answer(request: Request, who: Principal, body: unknown): Promise<Response>;
  /** What the caller's scopes lack for the tools that a request calls. */
  missingScopes(who: Principal, body: unknown): readonly Scope[];
  /** Whether `answerPlain` answers such a request. */
  takes(request: PlainRequest): boolean;
  /** The JSON-RPC response to a request, past the SDK. `session` is the `Mcp-Session-Id`. Never fails. */
  answerPlain(request: PlainRequest, who: Principal, session: string | null, signal: AbortSignal): Promise<Json>;
};

/** An issuer elsewhere, and which users of which organization its tokens speak for. */
export type UserIssuer = TrustedIssuer & {
  readonly organization: string;
  /** The claim that is the identifier of the user. */
  readonly identifierClaim: string;
  /** Whether a user is made on first mention. */
  readonly createUsers: boolean;
};

export type Limits = {
  /** Requests a minute for each caller. */
  readonly requests: number;
  /** How often a minute the same wrong thing is looked at; wrong secrets of a user are held up when there are more. */
  readonly failures: number;
  /** Longest request body in bytes. */
  readonly body: number;
};

export const defaultLimits: Limits = { requests: 600, failures: 20, body: 8 * 1024 * 1024 };

/** Who sent a request: a program of an organization with its client API key, or a user with a login token. */
export type Caller =
  | { readonly kind: 'client'; readonly organization: string; readonly key: ClientKey }
  | { readonly kind: 'user'; readonly organization: string; readonly user: User };

/** What a request carries along, as hono wants it said. */
export type Env = {
  Variables: { requestId: string; caller: Caller };
};
