import type { LookupAddress } from 'node:dns';
import { setTimeout as sleep } from 'node:timers/promises';
import { BoundedMap, bound } from '../bounded.ts';
import { TielineError } from '../errors.ts';
import { log } from '../log.ts';

const HINT =
  'Check its name. Private addresses need network.allowPrivate in config.yaml: ask the operator to add this host there.';

const TOLD = bound({
  name: 'hosts of whose refusal the log has told',
  entries: 1_000,
  bytes: 512 * 1024,
  ms: 60_000,
  atBound: 'the log tells of the host again',
});
const told = new BoundedMap<true>(TOLD, () => 4);

/**
 * One failure for every host that may not be reached, whether there is none or a private one: callers must not learn
 * which names there are in the operator's network. The log says which it was.
 */
export function refusedHost(host: string, found?: readonly LookupAddress[]): TielineError {
  if (found && !told.has(host)) {
    told.set(host, true);
    const addresses = found.map((it) => it.address).join(' ');
    log.info('a host may not be reached', { host, why: addresses === '' ? 'there is no such name' : addresses });
  }
  return new TielineError('target_forbidden', `${host} is no host that may be reached`, { hint: HINT });
}

const STEP_MS = 200;

/** Waits until the next of even steps, so that the time of a refusal tells no more than its words. */
export async function evenly(beganAt: number): Promise<void> {
  const passed = performance.now() - beganAt;
  await sleep(Math.ceil((passed + 1) / STEP_MS) * STEP_MS - passed);
}
