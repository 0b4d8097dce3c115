import type { Outcome } from './fresh.ts';

/** The refreshes under way in this process. By themselves, as whoever ends it asks for them and may have loaded none. */
export const refreshes = new Map<string, Promise<Outcome>>();

/** Resolves when no refresh is under way: what a provider has rotated must be saved before the keystore closes. */
export async function refreshesDone(): Promise<void> {
  await Promise.allSettled(refreshes.values());
}
