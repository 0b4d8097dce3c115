import { TielineError } from '../errors.ts';

/** The value of `--port`. Throws `usage`. */
export function readPort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new TielineError('usage', `--port is not a port: ${text}`, { hint: 'Use a number up to 65535; 0 is any.' });
}
