import type { Values } from '../connector/values.ts';
import { TielineError } from '../errors.ts';
import { INVISIBLE, labelOf } from '../label.ts';
import { LONGEST_NAME } from '../limits.ts';
import { withoutTokens } from '../tokenshape.ts';

/** One account of one user at one connector. */
export type Integration = {
  readonly id: string;
  readonly connector: string;
  /** The name by which calls choose it; unique among the user's integrations of the connector. */
  readonly identifier: string;
  /** Key of the auth option it was connected with. */
  readonly option: string;
  /** Not secret; see `settings` of the definition. */
  readonly settings: Values;
  /** Facts about the account, such as who it is at the provider. */
  readonly account: Values;
  /** Absent for accounts that are not connected, and those of a process of one's own. */
  readonly reach?: LinkedReach;
  /** When it was connected, or asked for while it is pending. Epoch milliseconds. */
  readonly createdAt: number;
  /** Present while a person has yet to connect it; it is gone then. Epoch milliseconds. */
  readonly pendingUntil?: number;
  /** Present while it serves no calls. Epoch milliseconds. */
  readonly disabledAt?: number;
};

/** Where the requests of an account went when it was linked: its credential goes nowhere else. */
export type LinkedReach = {
  /** Origin of the base URL, or `host:port` of a database. */
  readonly home?: string;
  /** Each as `URL.host`. */
  readonly hosts: readonly string[];
};

/** What a connect finds out about an account. */
export type Found = Pick<Integration, 'option' | 'settings' | 'account' | 'reach'>;

/** All integrations of one user at one connector, in the order in which they were added. */
export type Integrations = {
  readonly items: readonly Integration[];
  /** Id of the default one; null only while none is connected. */
  readonly default: string | null;
};

export const noIntegrations: Integrations = { items: [], default: null };

/** The text as an identifier. Throws `arguments_invalid`. */
export function checkIdentifier(text: string): string {
  // Line breaks, invisible characters and two ways to write one letter would let one account be shown as another.
  const identifier = text.trim().normalize('NFC');
  if (identifier === '' || identifier.length > LONGEST_NAME || INVISIBLE.test(identifier)) {
    throw new TielineError('arguments_invalid', `an identifier is 1 to ${LONGEST_NAME} visible characters`);
  }
  return identifier;
}

/** What the provider calls the account, where that is known. It was not always cleaned before it was stored. */
export function accountLabel({ account: { label } }: Pick<Integration, 'account'>): string | undefined {
  return typeof label === 'string' ? labelOf(withoutTokens(label)) || undefined : undefined;
}

const taken = ({ connector, identifier }: Integration): TielineError =>
  new TielineError('integration_exists', `${connector} already has an integration ${identifier}`, {
    hint: 'Choose another identifier, or remove that one first.',
  });

/** Whether calls may be made with it, as far as its owner says. */
export const isServed = (it: Integration): boolean => !isPending(it) && it.disabledAt === undefined;

export const isPending = ({ pendingUntil }: Integration): boolean => pendingUntil !== undefined;

/** With one more; the first one added becomes the default, unless it is pending. Throws `integration_exists`. */
export function withAdded(all: Integrations, added: Integration): Integrations {
  if (all.items.some((it) => it.identifier === added.identifier)) throw taken(added);
  return { items: [...all.items, added], default: all.default ?? (isPending(added) ? null : added.id) };
}

/** With one more that is pending, unless one of that identifier is already. Throws `integration_exists`. */
export function withAwaited(all: Integrations, pending: Integration): Integrations {
  const isThere = all.items.some((it) => it.identifier === pending.identifier && isPending(it));
  return isThere ? all : withAdded(all, pending);
}

/**
 * With a pending one connected, which counts as added only now. Throws `integration_exists` when somebody else has
 * connected it, and `integration_unknown` when it is gone.
 */
export function withConnected(all: Integrations, connected: Integration): Integrations {
  const there = all.items.find((it) => it.id === connected.id);
  if (!there) {
    throw new TielineError('integration_unknown', `nobody waits for ${connected.connector} ${connected.identifier}`, {
      hint: 'Begin to connect it anew.',
    });
  }
  if (!isPending(there)) throw taken(there);
  const others = { ...all, items: all.items.filter((it) => it !== there) };
  return withAdded(others, { ...connected, identifier: there.identifier });
}

type Index = {
  readonly byId: ReadonlyMap<string, Integration>;
  readonly byIdentifier: ReadonlyMap<string, Integration>;
  readonly hasPending: boolean;
};

const indexes = new WeakMap<Integrations, Index>();

/** Made once for a value: every call looks an account up, and a user may have thousands. */
export function indexOf(all: Integrations): Index {
  let index = indexes.get(all);
  if (!index) {
    index = {
      byId: new Map(all.items.map((it) => [it.id, it])),
      byIdentifier: new Map(all.items.map((it) => [it.identifier, it])),
      hasPending: all.items.some(isPending),
    };
    indexes.set(all, index);
  }
  return index;
}

/** Without the pending ones that nobody connected in time. */
export function withoutExpired(all: Integrations, now: number): Integrations {
  if (!indexOf(all).hasPending) return all;
  const items = all.items.filter((it) => it.pendingUntil === undefined || it.pendingUntil > now);
  return items.length === all.items.length ? all : { ...all, items };
}

/** With one that serves no calls since then, or serves them again. */
export function withDisabled(all: Integrations, id: string, disabledAt: number | undefined): Integrations {
  const items = all.items.map((it) => {
    if (it.id !== id) return it;
    const { disabledAt: before, ...enabled } = it;
    return disabledAt === undefined ? enabled : { ...enabled, disabledAt: before ?? disabledAt };
  });
  return { ...all, items };
}

/** Without one; where that was the default, the most recently created of the other connected ones becomes it. */
export function withRemoved(all: Integrations, id: string): Integrations {
  const items = all.items.filter((it) => it.id !== id);
  if (all.default !== id) return { items, default: all.default };
  // Of two created in one millisecond, the one added later counts as newer.
  const newest = items
    .filter((it) => !isPending(it))
    .reduce<Integration | undefined>((a, b) => (a && a.createdAt > b.createdAt ? a : b), undefined);
  return { items, default: newest?.id ?? null };
}

export const withDefault = (all: Integrations, id: string): Integrations => ({ ...all, default: id });

/** With one under another identifier. Throws `integration_exists`. */
export function withIdentifier(all: Integrations, id: string, identifier: string): Integrations {
  const there = all.items.find((it) => it.identifier === identifier);
  if (there && there.id !== id) throw taken(there);
  return { ...all, items: all.items.map((it) => (it.id === id ? { ...it, identifier } : it)) };
}
