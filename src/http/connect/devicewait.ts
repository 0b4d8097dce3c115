import { isTielineError, TielineError } from '../../errors.ts';
import { type Begun, type DeviceWait, hold, type Progress, settle } from '../../execute/authorization.ts';
import { optionNamed } from '../../execute/connect.ts';
import { askSignIn } from '../../execute/signin.ts';
import type { Backend } from '../context.ts';
import { finishLink, type Link } from './link.ts';

/** Asks the provider whether the person is done on the other device, at most as often as it wants (RFC 8628 §3.5). */
export async function askOnce(backend: Backend, link: Link, begun: Begun, device: DeviceWait): Promise<Progress> {
  const { engine } = backend;
  const { keystore, now } = engine;
  const { authorization, connector, who } = link;
  const { browser } = begun;
  if (now() < device.askAt || begun.busyUntil > now()) return begun;
  try {
    await hold(keystore, authorization, browser, now());
  } catch (error) {
    if (isTielineError(error) && error.code === 'conflict') return begun; // another tab of this browser asks
    throw error;
  }
  let progress: Progress;
  try {
    if (device.pending.started.expiresAt <= now())
      throw new TielineError('authorization_failed', 'the code has run out');
    const option = optionNamed(connector, device.option);
    const tokens = await askSignIn(engine, who, connector, option, device.pending);
    if (tokens !== 'pending' && tokens !== 'slower') {
      return await finishLink(backend, link, browser, { option, input: device.pending.input, tokens });
    }
    const interval = device.interval + (tokens === 'slower' ? 5 : 0);
    progress = { ...begun, at: now(), device: { ...device, interval, askAt: now() + interval * 1_000 } };
  } catch (error) {
    if (!isTielineError(error)) throw error;
    progress = { kind: 'failed', browser, code: error.code };
  }
  await settle(keystore, authorization, progress);
  return progress;
}
