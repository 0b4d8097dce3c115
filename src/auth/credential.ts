import type { JsonSchema, Values } from '../connector/values.ts';

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
  /** Why no refresh can succeed any more. A new connect clears it. */
  readonly failure?: { readonly code: string; readonly message: string; readonly at: number };
};

/** What a provider gave: merged into the values that were there. */
export type Renewal = { readonly values: Values; readonly expiresAt?: number };

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

/** The credential that follows: what the provider did not send again, such as an unrotated refresh token, is kept. */
export function renewed(previous: Credential, renewal: Renewal, now: number): Credential {
  const { input, values, version } = previous;
  return {
    version: version + 1,
    input,
    values: { ...values, ...renewal.values },
    obtainedAt: now,
    ...(renewal.expiresAt !== undefined && { expiresAt: renewal.expiresAt }),
  };
}

/** Names under which a credential keeps what is no secret. */
const PUBLIC = new Set(['clientId', 'client_id', 'username', 'scope', 'tokenType']);

/** Every secret text of a credential: all of it but the fields that `schema` shows openly and well-known public names. */
export function* secretsOf(credential: Credential, schema: JsonSchema): Generator<string> {
  const fields = (schema as { properties?: Record<string, { secret?: unknown }> }).properties ?? {};
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
