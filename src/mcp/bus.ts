import { randomUUID } from 'node:crypto';
import type { Principal } from '../integration/principal.ts';

/** Whose tools have changed; undefined: those of anybody. */
export type Changed = Pick<Principal, 'organization' | 'user'> | undefined;

/** What carries short texts between the processes on one store. Nothing is kept for those who do not listen. */
export type Wire = {
  /** Never throws and never waits: what cannot be told is lost. */
  publish(text: string): void;
  /** `hear` gets undefined when something may have been lost. */
  listen(hear: (text: string | undefined) => void): Promise<void>;
};

/** Tells whose tools have changed: those who listen in this process, and in others where there is a wire. */
export type ChangeBus = {
  publish(who: Changed): void;
  /** Those of this process only. */
  tell(who: Changed): void;
  /** Gives the function that ends it. */
  subscribe(listener: (who: Changed) => void): () => void;
  /** Begins to hear what other processes publish. */
  listen(): Promise<void>;
};

const SILENT: Wire = { publish: () => {}, listen: async () => {} };

export function openBus(wire: Wire = SILENT): ChangeBus {
  const me = randomUUID();
  const listeners = new Set<(who: Changed) => void>();
  const tell = (who: Changed) => {
    for (const listener of [...listeners]) listener(who);
  };
  return {
    tell,
    publish(who) {
      tell(who);
      wire.publish(JSON.stringify([me, ...(who ? [who.organization, who.user] : [])]));
    },
    subscribe(listener) {
      // Each time another function: the same one may listen twice.
      const mine = (who: Changed) => listener(who);
      listeners.add(mine);
      return () => void listeners.delete(mine);
    },
    listen: () =>
      wire.listen((text) => {
        const [from, organization, user] = read(text);
        if (from === me) return;
        tell(organization === undefined || user === undefined ? undefined : { organization, user });
      }),
  };
}

/** What cannot be read is from another release, and may be about anybody. */
function read(text: string | undefined): string[] {
  try {
    const parts: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(parts) ? parts.map(String) : [];
  } catch {
    return [];
  }
}
