import { TielineError } from '../errors.ts';
import { isOver } from './entry.ts';
import { keyvStore } from './keyv.ts';
import type { Store } from './store.ts';

/** A store that ends with the process. */
export function memoryStore(): Store {
  const rows = new Map<string, string>();
  return keyvStore({
    driver: 'memory',
    adapter: rows,
    swap: async (key, from, to) => {
      if (rows.get(key) !== from) return false;
      rows.set(key, to);
      return true;
    },
    remove: async (key, from) => rows.get(key) === from && rows.delete(key),
    // They are in memory anyway.
    page: async () => ({ rows: [...rows], next: undefined }),
    sweep: async (after = '0', most) => {
      const begin = Number(after);
      let at = 0;
      let removed = 0;
      for (const [key, text] of rows) {
        if (at++ < begin) continue;
        if (at > begin + most) return String(begin + most - removed);
        if (isOver(text) && rows.delete(key)) removed += 1;
      }
      return undefined;
    },
    failure: (cause) => new TielineError('store_unavailable', 'the in-memory store failed', { cause }),
  });
}
