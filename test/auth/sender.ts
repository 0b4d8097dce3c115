import { onTestFinished } from 'vitest';
import { createSender, type Send } from '../../src/network/send.ts';

/** What sends to this origin, through the guard, until the running test is over. */
export function sendTo(url: string): Send {
  const { host } = new URL(url);
  const sender = createSender({ allowPrivate: [host] });
  onTestFinished(() => sender.close());
  return (request, options) => sender.send(request, { allowedHosts: new Set([host]), ...options });
}

/** For types that make no request of a definition. */
export const askNothing = (): Promise<never> => Promise.reject(new Error('nothing is to be asked'));
