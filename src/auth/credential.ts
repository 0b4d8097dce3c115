import { formOf } from '../connector/schema.ts';
import type { JsonSchema, Values } from '../connector/values.ts';
import type { ErrorCode, TielineError } from '../errors.ts';
import { longestFirst } from '../secrets.ts';

/** What authenticates an integration. Sealed at rest; `version` grows by one with each save. */
export type Credential = {
  readonly version: number;
  /** What the user typed on connecting. */
  readonly input: Values;
  /** What requests are authenticated with: tokens, keys, names. */
  readonly values: Values;
  /** Epoch milliseconds. */
  readonly obtainedAt: number;
  /** Epoch milliseconds; absent when the provider did not say. */
  readonly expiresAt?: number;
  /** When the whole grant ends by itself, whatever is refreshed; absent when the provider did not say. Epoch milliseconds. */
  readonly grantEndsAt?: number;
  /** When a refresh began whose end is not known: it is under way, or was interrupted. Epoch milliseconds. */
  readonly attemptAt?: number;
  /** Why the last refresh failed. The next one that succeeds clears it. */
  readonly trouble?: Trouble;
  /** Why no refresh can succeed any more. A new connect clears it. */
  readonly failure?: Failure;
};

export type Failure = {
  readonly code: string;
  /** `interrupted`: the answer to an earlier refresh was lost, and what it gave with it. `revoked`: by the user, here. */
  readonly cause: 'refused' | 'interrupted' | 'revoked';
  readonly message: string;
  readonly at: number;
};

/** A refresh that failed for now. */
export type Trouble = {
  readonly code: string;
  readonly message: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** The provider is not asked again before. Equal to `at` for what ends when somebody mends it. Epoch milliseconds. */
  readonly until: number;
  /** How many times in a row. */
  readonly count: number;
  /** When the first of them was; `at` where that is not known. Epoch milliseconds. */
  readonly since?: number;
};

/** What a provider gave: merged into the values that were there. */
export type Renewal = { readonly values: Values; readonly expiresAt?: number; readonly grantEndsAt?: number };

const LARGEST_MARGIN = 5 * 60_000;

/**
 * Whether it is time for a refresh: the last fifth of the credential's life, or its last five minutes, whichever
 * is shorter. Unknown expiry is never due; a 401 tells then.
 */
export function isDue(credential: Credential, now: number): boolean {
  const { expiresAt, obtainedAt } = credential;
  if (expiresAt === undefined) return false;
  return now >= expiresAt - Math.min(LARGEST_MARGIN, Math.max(0, expiresAt - obtainedAt) / 5);
}

const SHORTEST_WAIT = 2_000;
const LONGEST_WAIT = 60_000;

/** The most that a provider may ask for, in milliseconds. */
const LONGEST_ASKED_WAIT = 15 * 60_000;

/** A mark of another clock may be ahead of this one by so much, in milliseconds, before it is not believed. */
const CLOCK_TOLERANCE = 2_000;

/** Failures that no waiting ends, but an operator, who wants to see at once that they are mended. */
const FOR_OPERATORS: ReadonlySet<string> = new Set<ErrorCode>([
  'config_invalid',
  'definition_invalid',
  'target_forbidden',
  'token_rejected',
]);

export const isForOperators = ({ code }: { readonly code: string }): boolean => FOR_OPERATORS.has(code);

/**
 * The trouble that follows: for as long as the provider says, else for an eighth of the time that it has been going on,
 * so that its end is noticed soon in proportion; somewhat more or less, as many accounts have the same trouble.
 * `random` gives from 0 to 1.
 */
export function troubled(
  before: Trouble | undefined,
  error: TielineError,
  now: number,
  random: () => number = Math.random,
): Trouble {
  const { code, message, retryAfter } = error;
  const since = before ? Math.min(before.since ?? before.at, now) : now;
  const own = Math.min(LONGEST_WAIT, Math.max(SHORTEST_WAIT, (now - since) / 8)) * (0.75 + random() / 2);
  const wait = retryAfter === undefined ? Math.round(own) : Math.min(LONGEST_ASKED_WAIT, retryAfter * 1_000);
  const until = now + (isForOperators(error) ? 0 : wait);
  return { code, message, at: now, until, count: (before?.count ?? 0) + 1, since };
}

/** Milliseconds until the provider may be asked again; 0 when it may be. */
export function waitAfter(trouble: Trouble | undefined, now: number): number {
  // Marked by a clock that is ahead, or this one has been put back since: what it says of now is worth nothing.
  if (!trouble || trouble.at > now + CLOCK_TOLERANCE) return 0;
  return Math.max(0, Math.min(trouble.until - now, trouble.until - trouble.at));
}

/** The credential that follows: what the provider did not send again, such as an unrotated refresh token, is kept. */
export function renewed(previous: Credential, renewal: Renewal, now: number): Credential {
  const { input, values, version } = previous;
  const grantEndsAt = renewal.grantEndsAt ?? previous.grantEndsAt;
  return {
    version: version + 1,
    input,
    values: { ...values, ...renewal.values },
    obtainedAt: now,
    ...(renewal.expiresAt !== undefined && { expiresAt: renewal.expiresAt }),
    ...(grantEndsAt !== undefined && { grantEndsAt }),
  };
}

/** Names under which a credential keeps what is no secret. */
const PUBLIC = new Set(['clientId', 'client_id', 'username', 'scope', 'tokenType']);

type Held = Pick<Credential, 'input' | 'values'>;

type Found = { readonly schema: JsonSchema; readonly secrets: readonly string[] };

const found = new WeakMap<Held, Found>();

/**
 * Every secret text of a credential, longest first, so that one that is part of another leaves nothing of that one
 * behind: all of it but the fields that `schema` shows openly and well-known public names. The same list for the same
 * frozen credential.
 */
export function secretsOf(credential: Held, schema: JsonSchema): readonly string[] {
  const known = found.get(credential);
  if (known?.schema === schema) return known.secrets;
  const secrets = longestFirst(findSecrets(credential, schema));
  if (Object.isFrozen(credential)) found.set(credential, { schema, secrets });
  return secrets;
}

function* findSecrets(credential: Held, schema: JsonSchema): Generator<string> {
  const { fields } = formOf(schema);
  const isShown = (name: string): boolean => fields[name] !== undefined && fields[name].secret !== true;
  const isPublic = (name: string): boolean => PUBLIC.has(name) && fields[name]?.secret !== true;
  const shown = Object.entries(credential.input).flatMap(([name, value]) => (isShown(name) ? [...textsIn(value)] : []));
  const open = new Set(shown);
  for (const [name, value] of [...Object.entries(credential.values), ...Object.entries(credential.input)]) {
    if (isPublic(name)) continue;
    for (const text of textsIn(value)) if (!open.has(text)) yield text;
  }
}

function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (value !== null && typeof value === 'object') for (const it of Object.values(value)) yield* textsIn(it);
}
