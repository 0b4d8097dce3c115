import { TielineError } from '../errors.ts';
import { keyvStore } from './keyv.ts';
import { redisWeaknesses } from './redisweaknesses.ts';
import {
  loadOptional,
  parseServerUrl,
  type Reason,
  SERVER_LIMITS,
  serverFailure,
  shownUrl,
  takeParameter,
} from './server.ts';
import type { Store } from './store.ts';

const swapScript = (options: string): string =>
  `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end redis.call('SET', KEYS[1], ARGV[2]${options}) return 1`;
const SWAP = swapScript('');
const SWAP_KEEPING = swapScript(", 'KEEPTTL'");
const REMOVE = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('DEL', KEYS[1])";

/**
 * A store in one Redis database, under keys that start with `tieline:` or with the prefix that `?prefix=` names. Redis
 * forgets what it has not saved yet: whether that is a second's worth or everything is the server's configuration, of
 * which `weaknesses` tells.
 *
 * One connection, made again by the next operation after it was lost.
 *
 * Throws `config_invalid` and `store_unavailable`.
 */
export async function openRedis(text: string, limits = SERVER_LIMITS): Promise<Store> {
  const shown = shownUrl(text);
  const url = parseServerUrl(text);
  const prefix = takeParameter(url, 'prefix', /^\w{1,64}$/, 'tieline');
  if (!/^\/?\d*$/.test(url.pathname)) {
    throw new TielineError('config_invalid', 'the URL of the store names no Redis database', {
      hint: 'Write redis://<host>/<number>',
    });
  }
  const { default: KeyvRedis, createClient } = await loadOptional('@keyv/redis@5', () => import('@keyv/redis'));
  const client = createClient({
    url: url.href,
    // What cannot be sent now fails now; what was sent is never sent again.
    disableOfflineQueue: true,
    // Ends before the limit for the whole handshake below, as only an open socket can be destroyed.
    socket: { reconnectStrategy: false, connectTimeout: limits.connectMs * 0.9 },
  });
  const adapter = new KeyvRedis<string>(client, { throwOnErrors: true });
  let isClosed = false;
  let connecting: Promise<unknown> | undefined;

  /** Destroying the client rejects everything that waits for an answer. */
  async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
    const timer = setTimeout(() => client.isOpen && client.destroy(), limitMs);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
    }
  }

  async function connected(): Promise<void> {
    if (isClosed) throw new Error('the store is closed');
    if (client.isReady) return;
    connecting ??= within(limits.connectMs, client.connect()).finally(() => {
      connecting = undefined;
    });
    await connecting;
  }

  // The adapter's own would open a closed store again, and hides why it could not connect.
  adapter.getClient = async () => client;
  adapter.disconnect = async () => {
    isClosed = true;
    await connecting?.catch(() => undefined);
    if (client.isOpen) client.destroy();
  };

  const failure = (cause: unknown) => serverFailure(shown, REASONS[firstWord(cause)], cause);
  const changes = async (script: string, row: string, ...values: string[]) =>
    (await client.eval(script, { keys: [row], arguments: values })) === 1;
  const store = keyvStore({
    driver: '@keyv/redis',
    adapter,
    row: (key) => `${prefix}:${key}`,
    keyOf: (row) => row.slice(prefix.length + 1),
    run: async (operation) => {
      await connected();
      return within(limits.answerMs, operation());
    },
    swap: async (row, from, to, keepsEnd) => {
      if (from === undefined) return (await client.set(row, to, { condition: 'NX' })) === 'OK';
      return changes(keepsEnd ? SWAP_KEEPING : SWAP, row, from, to);
    },
    remove: (row, from) => changes(REMOVE, row, from),
    async page(after = '0', most) {
      // A row may come twice, and one that has gone meanwhile has no text.
      const { cursor, keys } = await client.scan(after, { MATCH: `${prefix}:*`, COUNT: most });
      const texts = keys.length === 0 ? [] : await client.mGet(keys);
      const rows = keys.flatMap((key, index) => {
        const text = texts[index];
        return typeof text === 'string' ? [[key, text] as const] : [];
      });
      return { rows, next: cursor === '0' ? undefined : cursor };
    },
    weaknesses: () => redisWeaknesses(async (...words) => String(await client.sendCommand(words))),
    time: async () => {
      const [seconds, micros] = (await client.sendCommand(['TIME'])) as unknown as [string, string];
      return Number(seconds) * 1_000 + Number(micros) / 1_000;
    },
    failure,
  });
  try {
    await connected();
    return store;
  } catch (error) {
    throw failure(error);
  }
}

/** Redis starts an error reply with its code. */
function firstWord(error: unknown): string {
  return error instanceof Error ? (/^[A-Z]+/.exec(error.message)?.[0] ?? '') : '';
}

const REASONS: Readonly<Record<string, Reason>> = {
  CLUSTERDOWN: ['is a cluster', 'Use a single Redis server'],
  LOADING: ['is still loading its data', 'Try again', 1],
  MISCONF: ['cannot save to its disk', 'Look at the log of the Redis server'],
  MOVED: ['is a cluster', 'Use a single Redis server'],
  NOAUTH: ['wants a password', 'Set TIELINE_STORE to redis://:<password>@<host>, percent-encoded'],
  NOPERM: [
    'is not open to this user',
    'Allow the user the commands GET, MGET, SET, DEL, EVAL, SCAN and TIME on the keys tieline:*',
  ],
  OOM: ['is out of memory', 'Raise maxmemory on the Redis server'],
  READONLY: ['is read-only', 'Name the primary server in TIELINE_STORE', 5],
  WRONGPASS: ['refuses the user or the password', 'Set both in TIELINE_STORE, percent-encoded'],
};
