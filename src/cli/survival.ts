import { log } from '../log.ts';

let goesOn = false;

/**
 * From now on a failure that nobody caught is logged, and ends nothing else: the other requests of a server are other
 * people's. It is safe to go on, as what is kept is in the store, under leases that end by themselves.
 */
export function surviveFaults(): void {
  goesOn = true;
}

/** Whether the process goes on after a failure that nobody caught, which is then logged. */
export function survives(error: unknown): boolean {
  if (goesOn) log.error('something failed that belongs to no request', { cause: error });
  return goesOn;
}
