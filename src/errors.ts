/**
 * Every failure that a caller can act on has a code here, with the HTTP status it is answered with;
 * anything else is a bug and stays a plain Error.
 */
const STATUS = {
  // what the caller sent
  usage: 400,
  arguments_invalid: 400,
  cursor_invalid: 400,
  connector_unknown: 404,
  action_unknown: 404,
  policy_denied: 403,
  idempotency_conflict: 409,
  too_many_requests: 429,
  request_too_large: 413,
  json_too_large: 413,
  host_unknown: 421,
  origin_unknown: 403,
  // who is calling
  unauthenticated: 401,
  not_permitted: 403,
  login_failed: 401,
  insufficient_scope: 403,
  organization_required: 400,
  organization_unknown: 404,
  user_exists: 409,
  user_unknown: 404,
  user_disabled: 403,
  // whose account
  integration_required: 409,
  integration_unknown: 404,
  integration_exists: 409,
  integration_disabled: 409,
  identity_mismatch: 409,
  reauthorization_required: 409,
  authorization_failed: 400,
  // the provider
  token_rejected: 422,
  refresh_failed: 502,
  refresh_busy: 503,
  forbidden: 403,
  missing_scope: 403,
  not_found: 404,
  conflict: 409,
  rate_limited: 429,
  upstream_rejected: 422,
  upstream_failed: 502,
  upstream_invalid: 502,
  upstream_unreachable: 502,
  upstream_timeout: 504,
  outcome_unknown: 504,
  response_too_large: 502,
  result_too_large: 413,
  target_forbidden: 403,
  canceled: 499,
  // the server, as a program that uses it sees it
  server_unreachable: 502,
  server_timeout: 504,
  server_invalid: 502,
  // definitions, configuration, storage
  definition_invalid: 500,
  expression_failed: 500,
  config_invalid: 500,
  key_invalid: 500,
  key_wrong: 500,
  keystore_tampered: 500,
  store_unavailable: 503,
  audit_unavailable: 503,
  internal: 500,
} as const;

export type ErrorCode = keyof typeof STATUS;

export type ErrorOptions = {
  /** The one next step, in the imperative. */
  hint?: string | undefined;
  /** Seconds after which the same call may succeed; absent when repeating it is useless. */
  retryAfter?: number | undefined;
  /** Finds the request in the log of the server that failed. */
  requestId?: string | undefined;
  /** Whether what was asked for certainly was not done; by default the code tells. */
  undone?: boolean | undefined;
  /** What went wrong underneath. Never shown to a caller. */
  cause?: unknown;
};

const BRAND = Symbol.for('tieline.error');

export class TielineError extends Error {
  override readonly name = 'TielineError';
  readonly [BRAND] = true;
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retryAfter: number | undefined;
  readonly requestId: string | undefined;
  /** Told by whoever knows what had been done when it failed. */
  undone: boolean | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.retryAfter = options.retryAfter;
    this.requestId = options.requestId;
    this.undone = options.undone;
  }

  /** The HTTP status this failure is answered with. */
  get status(): number {
    return STATUS[this.code];
  }
}

/** True for an error of this class, also one made by another copy of the package. */
export function isTielineError(error: unknown): error is TielineError {
  return error instanceof Error && BRAND in error;
}

const originals = new WeakMap<object, object>();

/** The copy, as one of that error: what is known of an error by itself holds of its copies. */
export function copyOf<T extends Error>(original: Error, copy: T, stack: string): T {
  copy.stack = stack;
  originals.set(copy, originalOf(original) as object);
  return copy;
}

/** The error that this one is a copy of, else itself. */
export const originalOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null ? (originals.get(error) ?? error) : error;

/** Failures of something that may have been done for all that, where nothing else is known of it. */
const UNCERTAIN: ReadonlySet<ErrorCode> = new Set([
  'outcome_unknown',
  'canceled',
  'server_unreachable',
  'server_timeout',
  'server_invalid',
  'key_wrong',
  'keystore_tampered',
  'store_unavailable',
  'internal',
]);

/** True if what failed certainly was not done, so that it may be asked for again. A bug tells nothing. */
export function wasNotDone(error: unknown): boolean {
  return isTielineError(error) && (error.undone ?? !UNCERTAIN.has(error.code));
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(STATUS, text);
}
