import { TielineError } from '../errors.ts';

/** How long a database server may take to let a connection in and to answer, in milliseconds. */
export type ServerLimits = { readonly connectMs: number; readonly answerMs: number };

export const SERVER_LIMITS: ServerLimits = { connectMs: 5_000, answerMs: 10_000 };

/** Why a server failed and what to do; `retryAfter` in seconds where waiting helps. */
export type Reason = readonly [what: string, hint: string, retryAfter?: number];

const UNREACHABLE: Reason = ['cannot be reached', 'Check that the server runs and that TIELINE_STORE names it', 1];
const DISTRUSTED: Reason = [
  'shows a certificate that is not trusted',
  'Set NODE_EXTRA_CA_CERTS to the file of the CA that signed it',
];

/**
 * Parses the URL of a database server. Throws `config_invalid`
 * without the URL, and without the cause, as Node's repeats it.
 */
export function parseServerUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // An unencoded / ? or # ends the part with the password, whose rest would then pass for a port or a path and be shown.
  const isWhole = url !== undefined && !url.hash && !`${url.pathname}${url.search}`.includes('@');
  const passwords = isWhole ? [url.password, decoded(url.password), url.searchParams.get('password') ?? ''] : [];
  if (!isWhole || passwords.includes(undefined) || !/^[a-z]+:\/\//i.test(text)) throw invalid();
  return url;
}

/** The value of a parameter of ours, taken out of the URL. */
export function takeParameter(url: URL, name: string, shape: RegExp, preset: string): string {
  const value = url.searchParams.get(name) ?? preset;
  url.searchParams.delete(name);
  if (!shape.test(value)) {
    throw new TielineError('config_invalid', `the ${name} in the URL of the store is not one`, {
      hint: `Write ?${name}= with letters, digits and _ alone`,
    });
  }
  return value;
}

/** What may be shown of the URL of a store: of a server its kind, address and database. */
export function shownUrl(text: string): string {
  if (!/^(?:postgres|postgresql|redis|rediss):/i.test(text)) return text;
  const { protocol, host, pathname } = parseServerUrl(text);
  return `${protocol}//${host}${pathname}`;
}

/** The `store_unavailable` for an error of a server or on the way to it. */
export function serverFailure(shown: string, reason: Reason | undefined, cause: unknown): TielineError {
  const [what, hint, retryAfter] = reason ?? (/CERT|VERIFY/.test(codeOf(cause)) ? DISTRUSTED : UNREACHABLE);
  return new TielineError('store_unavailable', `the store ${shown} ${what}`, { hint, retryAfter, cause });
}

/** The code that Node and pg put on their errors, or ''. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : '';
}

/** Loads optional packages. Throws `config_invalid` where they are not installed. */
export async function loadOptional<T>(packages: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new TielineError('config_invalid', 'the packages for this kind of store cannot be loaded', {
      hint: `Where Tieline is installed, run: npm install ${packages}`,
      cause,
    });
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function invalid(): TielineError {
  return new TielineError('config_invalid', 'the store is not given as a whole URL', {
    hint: 'Set TIELINE_STORE to postgres://<user>:<password>@<host>/<database> or redis://<host>, with the password percent-encoded',
  });
}
