import type { Values } from '../connector/values.ts';
import { labelOf } from '../label.ts';
import type { Secrets } from '../secrets.ts';
import { withoutTokens } from '../tokenshape.ts';

/** Facts of an account that say who it is. What a provider tells there is data of strangers. */
const SHOWN = ['key', 'label', 'identifier'] as const;

export type Identity = { readonly key?: string; readonly label?: string; readonly identifier?: string };

/** The facts, with those that say who it is as they can be shown: without secrets, on one line, bounded. */
export function shownFacts(facts: Values, secrets: Secrets): Values & Identity {
  const shown: Record<string, unknown> = { ...facts };
  for (const name of SHOWN) {
    const told = facts[name];
    if (told === undefined) continue;
    const text = labelOf(withoutTokens(secrets.scrub(typeof told === 'string' ? told : JSON.stringify(told))));
    if (text === '') delete shown[name];
    else shown[name] = text;
  }
  return shown;
}
