import { createHash } from 'node:crypto';
import type { Engine } from '../execute/engine.ts';
import type { Principal } from '../integration/principal.ts';
import { log } from '../log.ts';
import type { ChangeBus, Changed } from './bus.ts';
import { toolListJson } from './tooljson.ts';

type Subscriber = { readonly who: Principal; readonly tell: () => void; last: Promise<string> };

/** Who is to be told when their tools change. */
export type Subscribers = {
  /** Gives the function that ends it. */
  add(who: Principal, tell: () => void): () => void;
  /** How many the user has. */
  count(who: Principal): number;
  close(): void;
};

export function openSubscribers(engine: Engine, bus: ChangeBus): Subscribers {
  const all = new Set<Subscriber>();
  const stop = bus.subscribe((changed) => {
    for (const subscriber of all) {
      if (isOf(subscriber.who, changed)) void look(engine, subscriber);
    }
  });
  return {
    add(who, tell) {
      const subscriber: Subscriber = { who, tell, last: digest(engine, who) };
      all.add(subscriber);
      return () => void all.delete(subscriber);
    },
    count: ({ organization, user }) => [...all].filter((it) => isOf(it.who, { organization, user })).length,
    close() {
      stop();
      all.clear();
    },
  };
}

const isOf = (who: Principal, changed: Changed): boolean =>
  changed === undefined || (who.organization === changed.organization && who.user === changed.user);

/** Tells only if the list is another one: a store also changes by what no list shows. */
async function look(engine: Engine, subscriber: Subscriber): Promise<void> {
  const before = subscriber.last;
  subscriber.last = digest(engine, subscriber.who);
  if ((await before) !== (await subscriber.last)) subscriber.tell();
}

/** Of the whole list, of which only a few bytes are kept. What cannot be listed now counts as changed. */
async function digest(engine: Engine, who: Principal): Promise<string> {
  try {
    const hash = createHash('sha256');
    for (const bytes of await toolListJson(engine, who)) hash.update(bytes);
    return hash.digest('base64');
  } catch (error) {
    log.debug('the tools cannot be listed', { error });
    return `unknown ${Math.random()}`;
  }
}
