import { TielineError } from '../errors.ts';

/** Where a Tieline server is, and how it is asked. */
export type ServerOptions = {
  /** Address of the server, such as `https://tieline.example`. `/api/v1` is added where it is missing. */
  readonly apiBaseUrl: string;
  /** A client API key, `sk-client-…`. */
  readonly apiKey: string;
  /** Needed for keys of several organizations. */
  readonly organizationId?: string | undefined;
  /** What makes the requests; the global `fetch` by default. */
  readonly fetch?: typeof globalThis.fetch | undefined;
} & AttemptOptions;

/** How long and how often a request is tried. */
export type AttemptOptions = {
  /** Milliseconds for each attempt; default 60,000. */
  readonly timeout?: number | undefined;
  /**
   * How often a request is sent at most, 1 to 10; default 1. Repeated are requests that read or may be repeated, after
   * 429, 502, 503, 504 and failures of the network; an action that writes only where the server refused to take it up.
   * Without a server the rules of the connector hold instead.
   */
  readonly maxAttempts?: number | undefined;
};

const TIMEOUT = 60_000;
const LONGEST_TIMEOUT = 2 ** 31 - 1;
const MOST_ATTEMPTS = 10;

/** Throws `usage`. */
export function readAttempts({ timeout = TIMEOUT, maxAttempts = 1 }: AttemptOptions): Required<{
  timeout: number;
  maxAttempts: number;
}> {
  if (!(timeout > 0 && timeout <= LONGEST_TIMEOUT)) {
    throw wrong('timeout', `${timeout} is no number of milliseconds`, 'Give it more than 0.');
  }
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1 || maxAttempts > MOST_ATTEMPTS) {
    throw wrong('maxAttempts', `${maxAttempts} is not 1 to ${MOST_ATTEMPTS}`, `Use 1 to ${MOST_ATTEMPTS}.`);
  }
  return { timeout, maxAttempts };
}

/** The address that paths of the API are added to. Throws `usage`. */
export function readBaseUrl(apiBaseUrl: string): string {
  const url = URL.canParse(apiBaseUrl) ? new URL(apiBaseUrl) : undefined;
  // A password in an address ends up in messages and logs.
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw wrong('apiBaseUrl', 'it is no address of a server', 'Use one like https://tieline.example.');
  }
  return `${url.origin}${withoutSlashes(url.pathname).replace(/\/api\/v1$/, '')}/api/v1`;
}

function withoutSlashes(path: string): string {
  let end = path.length;
  while (path[end - 1] === '/') end--;
  return path.slice(0, end);
}

/** A key or token that a header can carry. Throws `usage`, without it. */
export function readToken(name: 'apiKey' | 'token', text: string): string {
  if (typeof text === 'string' && /^[\x21-\x7e]+$/.test(text)) return text;
  throw wrong(name, 'it is missing, or has blanks or line breaks', 'Give it as you got it from Tieline.');
}

const wrong = (name: string, why: string, hint: string): TielineError =>
  new TielineError('usage', `${name}: ${why}`, { hint });
