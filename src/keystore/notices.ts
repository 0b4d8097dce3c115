import { setTimeout as sleep } from 'node:timers/promises';
import { log } from '../log.ts';

/** Short texts that a process tells all others on the same store, as long as the store is a server. */
export type Notices = {
  /** Never throws and never waits: what cannot be told is lost. */
  publish(text: string): void;
  /** Calls `hear` with each text, also with one's own, and with undefined when some may have been lost. */
  listen(hear: (text: string | undefined) => void): Promise<void>;
  /** Waits for what is on its way. */
  close(): Promise<void>;
};

/** One connection that speaks and hears. `lost` is called once, when it is over. */
export type NoticeLine = {
  publish(text: string): Promise<void>;
  listen(hear: (text: string) => void): Promise<void>;
  close(): Promise<void>;
};

type OpenLine = (lost: () => void) => Promise<NoticeLine>;

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 30_000;

/** Connects when first needed. Silent for stores that are no server: their files can be watched. */
export function openNotices(storeUrl: string): Notices {
  const open = lineFor(storeUrl);
  if (!open) return { publish: () => {}, listen: async () => {}, close: async () => {} };
  let line: Promise<NoticeLine> | undefined;
  let hear: ((text: string | undefined) => void) | undefined;
  let isClosed = false;
  const sending = new Set<Promise<void>>();

  const connected = (): Promise<NoticeLine> => {
    line ??= connect().catch((error) => {
      line = undefined;
      throw error;
    });
    return line;
  };
  const hearing = new WeakSet<NoticeLine>();
  const connect = async (): Promise<NoticeLine> => {
    const made = await open(lost);
    await hearFrom(made);
    return made;
  };
  const hearFrom = async (made: NoticeLine): Promise<void> => {
    if (!hear || hearing.has(made)) return;
    hearing.add(made);
    await made.listen(hear);
  };
  const lost = (): void => {
    line = undefined;
    if (hear && !isClosed) void again();
  };
  const again = async (): Promise<void> => {
    for (let pause = FIRST_PAUSE; !isClosed; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      await sleep(pause, undefined, { ref: false });
      if (isClosed) return;
      try {
        await connected();
        hear?.(undefined);
        return;
      } catch (error) {
        log.debug('changes made by other processes are not heard', { error });
      }
    }
  };

  return {
    publish(text) {
      if (isClosed) return;
      const work = connected()
        .then((it) => it.publish(text))
        .catch((error) => log.debug('other processes were not told of a change', { error }))
        .finally(() => sending.delete(work));
      sending.add(work);
    },
    async listen(listener) {
      hear = listener;
      try {
        await hearFrom(await connected());
      } catch (error) {
        log.warn('changes made by other processes are not heard yet', { error });
        void again();
      }
    },
    async close() {
      await Promise.all(sending);
      isClosed = true;
      const made = await line?.catch(() => undefined);
      await made?.close().catch(() => undefined);
    },
  };
}

function lineFor(storeUrl: string): OpenLine | undefined {
  const scheme = /^([a-z]+):/i.exec(storeUrl)?.[1]?.toLowerCase() ?? '';
  if (scheme === 'postgres' || scheme === 'postgresql') {
    return async (lost) => (await import('./postgresnotices.ts')).postgresLine(storeUrl, lost);
  }
  if (scheme === 'redis' || scheme === 'rediss') {
    return async (lost) => (await import('./redisnotices.ts')).redisLine(storeUrl, lost);
  }
  return undefined;
}
