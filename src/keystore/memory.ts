import { TielineError } from '../errors.ts';
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
    failure: (cause) => new TielineError('store_unavailable', 'the in-memory store failed', { cause }),
  });
}
