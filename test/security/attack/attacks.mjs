import { COST } from './cost.mjs';
import { CRASHES } from './crashes.mjs';
import { DNS } from './dns.mjs';
import { GROWTH } from './growth.mjs';
import { LOCKOUTS } from './lockouts.mjs';
import { PEOPLE } from './people.mjs';

/**
 * Each attack: `name`, `before` (what became of it when there was no bound), `bound` (what has to hold), `run(stage)`,
 * which gives `{ text, problems }`: what became of it now, and what did not hold. `config` and `env` are the server's.
 * `needsNamespace`
 * where the name server is ours. `isRepeated`
 * where it can be done again and again. `isQuiet` where nobody else is served meanwhile.
 */
export const ATTACKS = [...CRASHES, ...GROWTH, ...COST, ...LOCKOUTS, ...DNS, ...PEOPLE];
