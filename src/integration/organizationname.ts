import { TielineError } from '../errors.ts';
import { INVISIBLE } from '../label.ts';
import { LONGEST_NAME } from '../limits.ts';

/** The text as the name of an organization. Throws `arguments_invalid`. */
export function checkOrganizationName(text: string): string {
  const name = text.normalize('NFC').trim();
  if (name === '' || name.length > LONGEST_NAME || INVISIBLE.test(name)) {
    throw new TielineError(
      'arguments_invalid',
      `the name of an organization is 1 to ${LONGEST_NAME} visible characters on one line`,
    );
  }
  return name;
}

/** Marks that are put on letters of any alphabet. Those of a single one tell its words apart. */
const MARKS = /[\u0300-\u036F\u1AB0-\u1AFF\u1DC0-\u1DFF\u20D0-\u20FF]/g;

/**
 * The same text for all names that look alike: after Unicode's table of confusable characters (UTS 39), and without
 * what is easily overlooked: case, accents, blanks, punctuation and invisible characters. I, l and 1 are one letter.
 */
export async function skeletonOf(name: string): Promise<string> {
  // Loaded on first use: hardly any process ever names an organization.
  const { default: plainly } = await import('unhomoglyph');
  const folded = (text: string) => text.normalize('NFKD').replace(MARKS, '');
  const alike = folded(plainly(folded(name)))
    .toUpperCase()
    .toLowerCase();
  const twice = folded(plainly(alike)).toLowerCase();
  return twice.replace(/i/g, 'l').replace(/[\p{C}\p{Z}\p{P}\p{Default_Ignorable_Code_Point}]/gu, '');
}

/** Whether people could take it for the name of this program. */
export const isOwnName = async (skeleton: string): Promise<boolean> => skeleton.includes(await skeletonOf('Tieline'));
