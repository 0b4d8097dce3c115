import { isTielineError, TielineError } from '../../errors.ts';
import { type Begun, type DeviceWait, hold, type Progress, settle } from '../../execute/authorization.ts';
import { optionNamed } from '../../execute/connect.ts';
import { askSignIn } from '../../execute/signin.ts';
import type { Backend } from '../context.ts';
import { failLink, finishLink, type Link } from './link.ts';

/** Asks the provider whether the person is done on the other device, at most as often as it wants (RFC 8628 §3.5). */
export async function askOnce(backend: Backend, link: Link, begun: Begun): Promise<Progress> {
  const { keystore, now } = backend.engine;
  const { authorization } = link;
  // What was read before may be old: another tab of this browser may have asked since.
  const held = await hold(keystore, authorization, begun.browser, now()).catch(busyElsewhere);
  if (!held) return begun;
  const { device } = held;
  const isDue = device !== undefined && device.askAt <= now();
  const next = isDue ? await ask(backend, link, held, device) : { ...held, busyUntil: 0 };
  if (next.kind === 'begun') await settle(keystore, authorization, next);
  return next;
}

/** Another tab of this browser asks at this moment. */
function busyElsewhere(error: unknown): undefined {
  if (!isTielineError(error) || error.code !== 'conflict') throw error;
}

async function ask(backend: Backend, link: Link, { browser }: Begun, device: DeviceWait): Promise<Progress> {
  const { engine } = backend;
  const { now } = engine;
  const { connector, who } = link;
  const { pending } = device;
  try {
    if (pending.started.expiresAt <= now()) throw new TielineError('authorization_failed', 'the code has run out');
    const option = optionNamed(connector, device.option);
    const tokens = await askSignIn(engine, who, connector, option, pending);
    if (tokens !== 'pending' && tokens !== 'slower') {
      return await finishLink(backend, link, browser, { option, input: pending.input, tokens });
    }
    const interval = device.interval + (tokens === 'slower' ? 5 : 0);
    const at = now();
    return { kind: 'begun', browser, at, busyUntil: 0, device: { ...device, interval, askAt: at + interval * 1_000 } };
  } catch (error) {
    if (!isTielineError(error)) throw error;
    return failLink(backend, link, browser, error.code);
  }
}
