import type { LookupAddress } from 'node:dns';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { TielineError } from '../errors.ts';
import { type Exemption, exemption, isPublicAddress, type NetworkPolicy, type Resolve } from '../network/guard.ts';
import { evenly, refusedHost } from '../network/refusedhost.ts';
import { systemResolver } from '../network/resolver.ts';
import type { ServerAddress, Tls } from './address.ts';
import { untilStopped } from './clock.ts';
import { countIntake, type Intake } from './intake.ts';

export type DialPolicy = NetworkPolicy & {
  /** Default: the one of this process. */
  readonly resolve?: Resolve | undefined;
};

/** An open TCP connection to an address that was checked. */
export type Line = Intake & {
  readonly socket: Socket;
  readonly tls: Tls;
};

const HINT = 'Ask the operator to add this host to the private hosts that may be reached.';
const CONNECT_MS = 10_000;

/**
 * Connects to public addresses and the operator's exemptions, to the very addresses that were checked.
 *
 * @throws TielineError `target_forbidden`, `upstream_unreachable`, or the reason of `stop`.
 */
export async function dial(address: ServerAddress, policy: DialPolicy, stop: AbortSignal): Promise<Line> {
  const { host, port } = address;
  const late = AbortSignal.timeout(CONNECT_MS);
  const signal = AbortSignal.any([stop, late]);
  let socket: Socket | undefined;
  try {
    const exempt = exemption(policy);
    const found = await untilStopped(resolveHost(address, policy, exempt), signal);
    const tls = tlsFor(
      address,
      found.every((it) => exempt(host, port) || exempt(it.address, port)),
    );
    socket = connect({ host, port, lookup: answering(found), noDelay: true, keepAlive: true });
    shield(socket);
    await untilStopped(next(socket, 'connect'), signal);
    return { socket, tls, ...countIntake(socket) };
  } catch (error) {
    socket?.destroy();
    if (late.aborted && !stop.aborted) {
      throw new TielineError('upstream_unreachable', `${host}:${port} did not answer within ${CONNECT_MS / 1_000} s`);
    }
    throw error;
  }
}

/**
 * A driver that trips over what a hostile server sends throws where nobody can catch it, which would end the process.
 * Here it loses its connection instead.
 */
export function shield(socket: Socket): void {
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...values: unknown[]) => boolean;
  socket.emit = (event: string | symbol, ...values: unknown[]): boolean => {
    try {
      return emit(event, ...values);
    } catch (error) {
      if (event === 'error' || event === 'close') return false;
      socket.destroy(error instanceof Error ? error : new Error('the driver failed'));
      return true;
    }
  };
}

/** What comes with the next such event; fails if the socket does. */
export function next<T>(socket: Socket, event: 'connect' | 'secureConnect' | 'data'): Promise<T> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(Object.assign(new Error('connection closed'), { code: 'ECONNRESET' })));
  });
}

function tlsFor({ host, tls, ca }: ServerAddress, isOpened: boolean): Tls {
  const chosen = tls ?? (isOpened && ca === undefined ? 'prefer' : 'require');
  if (chosen === 'require' || isOpened) return chosen;
  throw new TielineError('target_forbidden', `${host} may be reached over TLS only`, { hint: HINT });
}

/** Below 1024 live SSH, SMTP and the like, which have no business with a database client. */
function isDatabasePort(port: number): boolean {
  return port === 443 || port >= 1024;
}

/** The addresses of a host. Throws `target_forbidden` where one may not be reached, and as for a host that is not there. */
async function resolveHost(
  { host, port }: ServerAddress,
  { resolve = systemResolver }: DialPolicy,
  exempt: Exemption,
): Promise<readonly LookupAddress[]> {
  const beganAt = performance.now();
  const permitted = (address: string): boolean =>
    exempt(host, port) || exempt(address, port) || (isPublicAddress(address) && isDatabasePort(port));
  const family = isIP(host);
  if (family !== 0 && !permitted(host)) throw refusedHost(host);
  if (family !== 0) return [{ address: host, family }];
  const isNamed = exempt(host, port);
  const found = await resolve(host, isNamed).catch((error: NodeJS.ErrnoException) => {
    // Of a host that the operator has named there is no secret whether it is there.
    if (error.code !== 'ENOTFOUND' || isNamed) throw error;
    return [];
  });
  // One bad answer refuses the name: picking the good one would let an attacker retry.
  if (found.length > 0 && found.every((it) => permitted(it.address))) return found;
  await evenly(beganAt);
  throw refusedHost(host, found);
}

function answering(found: readonly LookupAddress[]): LookupFunction {
  return (_hostname, { all }, done) => {
    const [first] = found;
    if (all || first === undefined) return done(null, [...found]);
    done(null, first.address, first.family);
  };
}
