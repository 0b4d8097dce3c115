import { isTielineError, TielineError } from '../errors.ts';
import type { Opened } from './connector.ts';

/** Credentials in the shape in which a user would type them, with what a provider gave. */
export type LocalCredentials = Readonly<Record<string, unknown>> & {
  readonly access_token?: string | undefined;
  readonly refresh_token?: string | undefined;
  /** Of the access token, ISO 8601; unknown when absent. */
  readonly expires_at?: string | undefined;
  /** What else the provider gave that it wants to see again: keep it as it is. */
  readonly state?: Readonly<Record<string, unknown>> | undefined;
};

/** An account in this process. */
export type LocalOptions = {
  /**
   * The fields of the way to authenticate, as `tieline connectors show <name>` lists them, and for OAuth
   * `access_token`, `refresh_token` and `expires_at`.
   */
  readonly credentials: LocalCredentials;
  /** Key of the way to authenticate; the first that the credentials fit by default. */
  readonly option?: string | undefined;
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** The operator's parameters of the connector, such as its OAuth client: `{ clientId, clientSecret }`. */
  readonly app?: Readonly<Record<string, unknown>> | undefined;
  /** File or folder of a definition of your own. */
  readonly definition?: string | undefined;
  /** Private hosts and ranges that may be reached, such as `desk.corp` or `10.1.0.0/16`; none by default. */
  readonly allowPrivate?: readonly string[] | undefined;
  /** Where a host is reached instead, as through a gateway: `address:port` by host. */
  readonly connectTo?: Readonly<Record<string, string>> | undefined;
  /** Folders in which SQLite files may be opened; none by default. */
  readonly allowFiles?: readonly string[] | undefined;
  /**
   * Given all credentials whenever they have changed, in the shape of `credentials`, and awaited before they are used:
   * keep them, as those before may be worth nothing any more. What it throws fails the call; the next call asks again.
   */
  readonly onCredentials?: ((credentials: LocalCredentials) => void | Promise<void>) | undefined;
};

/** The engine of a server for one account. It is loaded with the first call. Throws `usage`. */
export function openLocal(name: string, options: LocalOptions): Opened {
  // Of programs without a compiler.
  if (typeof options.credentials !== 'object' || options.credentials === null) {
    throw new TielineError('usage', `${name} has no credentials`, {
      hint: 'Give credentials, or apiBaseUrl, apiKey and customerName for an account that a server keeps.',
    });
  }
  const open = async () => (await import('../embed/account.ts')).openAccountOf(name, options);
  let opened: ReturnType<typeof open> | undefined;
  const account = () => {
    opened ??= open().catch((error: unknown) => {
      // What kept it from opening, such as a file, may be put right.
      opened = undefined;
      throw error;
    });
    return opened;
  };
  return {
    run: async ({ entity, action, params, signal, timeout, idempotencyKey }) => {
      const there = await account();
      const ends = timeout === undefined ? undefined : AbortSignal.timeout(timeout);
      const both = signal && ends ? AbortSignal.any([signal, ends]) : (signal ?? ends);
      try {
        return await there.execute({ entity, action, params, signal: both, idempotencyKey });
      } catch (error) {
        if (!isTielineError(error) || error.code !== 'canceled' || !ends?.aborted || signal?.aborted) throw error;
        throw new TielineError('upstream_timeout', `${name} took longer than ${timeout} ms`, {
          hint: 'See whether it was carried out before you call again; allow more with timeout.',
          cause: error,
        });
      }
    },
    check: async () => (await account()).check(),
    describe: async () => (await account()).describe(),
    close: async () => {
      // What failed to open has nothing to close.
      if (opened) await opened.then((it) => it.close(), ignore);
    },
  };
}

const ignore = (): undefined => undefined;
