import { bound } from './bounded.ts';
import { TielineError } from './errors.ts';
import { shortened } from './quoted.ts';

/** Characters of an identifier, a name, an id or a label, at most. */
export const LONGEST_NAME = 256;
/** Characters of an address, at most. */
export const LONGEST_URL = 2_048;
/** Characters of one value of a credential, of an app or of settings, at most: a key or a certificate chain has fewer. */
export const LONGEST_VALUE = 64 * 1024;
/** Characters of all of them together, at most. */
export const LARGEST_VALUES = 256 * 1024;

bound({
  name: 'values of one credential, of one app or of the settings of one account',
  entries: LARGEST_VALUES / 8,
  bytes: 2 * LARGEST_VALUES,
  atBound: 'they are refused with arguments_invalid',
});

type Values = Readonly<Record<string, unknown>>;

/** Throws `arguments_invalid` for a text that is longer; `field` is what the caller knows it as. */
export function checkLength(field: string, text: unknown, most = LONGEST_NAME): void {
  if (typeof text !== 'string' || text.length <= most) return;
  throw new TielineError('arguments_invalid', `${field} has more than ${most} characters`, {
    hint: `Send at most ${most} characters.`,
  });
}

/** Throws `arguments_invalid` for values of which one is too long, or that are too large together. */
export function checkValues(values: Values, what: string): void {
  const excess = excessOf(values);
  if (excess !== undefined) throw new TielineError('arguments_invalid', `${what} do not fit: ${excess}`);
}

/** The first thing of which there is too much, and how much there may be; undefined where all fits. */
export function excessOf(values: Values): string | undefined {
  let left = LARGEST_VALUES;
  // With the path of each; without recursion, as nobody knows yet how deep it is.
  const open: [at: string, value: unknown][] = Object.entries(values);
  for (let next = open.pop(); next; next = open.pop()) {
    const [at, value] = next;
    if (at.length > LONGEST_NAME) return `the name ${shortened(at, 60)} has more than ${LONGEST_NAME} characters`;
    left -= at.length + (typeof value === 'string' ? value.length : 8);
    if (typeof value === 'string') {
      const most = /^https?:\/\//i.test(value) ? LONGEST_URL : LONGEST_VALUE;
      if (value.length > most) return `${shortened(at)} has more than ${most} characters`;
    }
    if (left < 0) return `they have more than ${LARGEST_VALUES} characters together`;
    if (typeof value === 'object' && value !== null) {
      for (const entry of Object.entries(value)) open.push(entry);
    }
  }
  return undefined;
}
