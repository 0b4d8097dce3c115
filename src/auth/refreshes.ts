import type { Outcome } from './fresh.ts';
import type { Unsaved } from './unsaved.ts';

/**
 * What of this process must be over before it ends, by key of the credential. By itself, as whoever ends it asks for
 * them and may have loaded none.
 */

/** The refreshes under way: what a provider is about to rotate. */
export const refreshes = new Map<string, Promise<Outcome>>();

/** What providers gave and the store has not taken yet, and for each the saving, which goes on until it has. */
export const unsaved = new Map<string, Unsaved & { readonly saved: Promise<void> }>();

/** How many refreshes are not over. */
export const refreshesLeft = (): number => refreshes.size + unsaved.size;

/** True if all that is not saved yet is at least on disk, where the next start finds it. */
export const isAllSpooled = (): boolean => refreshes.size === 0 && [...unsaved.values()].every((it) => it.isSpooled);

/** Resolves when no refresh is under way: what a provider has rotated must be saved before the keystore closes. */
export async function refreshesDone(): Promise<void> {
  await Promise.allSettled(refreshes.values());
  await Promise.allSettled([...unsaved.values()].map((it) => it.saved));
}
