import type { Values } from '../connector/values.ts';
import { TielineError } from '../errors.ts';

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
  /** Epoch milliseconds. */
  readonly createdAt: number;
};

/** All integrations of one user at one connector, in the order in which they were added. */
export type Integrations = {
  readonly items: readonly Integration[];
  /** Id of the default one; null only while there is none. */
  readonly default: string | null;
};

export const noIntegrations: Integrations = { items: [], default: null };

const LONGEST_IDENTIFIER = 128;

/** U+FE0F is let through: emoji are written with it. */
const INVISIBLE = /(?!\uFE0F)[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** The text as an identifier. Throws `arguments_invalid`. */
export function checkIdentifier(text: string): string {
  // Line breaks, invisible characters and two ways to write one letter would let one account be shown as another.
  const identifier = text.trim().normalize('NFC');
  if (identifier === '' || identifier.length > LONGEST_IDENTIFIER || INVISIBLE.test(identifier)) {
    throw new TielineError('arguments_invalid', `an identifier is 1 to ${LONGEST_IDENTIFIER} visible characters`);
  }
  return identifier;
}

/** With one more; the first one added becomes the default. Throws `integration_exists`. */
export function withAdded(all: Integrations, added: Integration): Integrations {
  if (all.items.some((it) => it.identifier === added.identifier)) {
    throw new TielineError('integration_exists', `${added.connector} already has an integration ${added.identifier}`, {
      hint: 'Choose another identifier, or remove that one first.',
    });
  }
  return { items: [...all.items, added], default: all.default ?? added.id };
}

/** Without one; where that was the default, the most recently created of the others becomes it. */
export function withRemoved(all: Integrations, id: string): Integrations {
  const items = all.items.filter((it) => it.id !== id);
  if (all.default !== id) return { items, default: all.default };
  // Of two created in one millisecond, the one added later counts as newer.
  const newest = items.reduce<Integration | undefined>((a, b) => (a && a.createdAt > b.createdAt ? a : b), undefined);
  return { items, default: newest?.id ?? null };
}

export const withDefault = (all: Integrations, id: string): Integrations => ({ ...all, default: id });

/** With one under another identifier. Throws `integration_exists`. */
export function withIdentifier(all: Integrations, id: string, identifier: string): Integrations {
  const taken = all.items.find((it) => it.identifier === identifier);
  if (taken && taken.id !== id) {
    throw new TielineError('integration_exists', `${taken.connector} already has an integration ${identifier}`);
  }
  return { ...all, items: all.items.map((it) => (it.id === id ? { ...it, identifier } : it)) };
}
