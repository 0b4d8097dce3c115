/**
 * What is not seen, or turns the direction of what follows: controls, line breaks, format characters, lone surrogates and
 * private ones. U+FE0F is let through, as emoji are written with it.
 */
export const INVISIBLE = /(?!\uFE0F)[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

const INVISIBLES = new RegExp(INVISIBLE, 'gu');

/** Characters of a name that is shown. */
const LONGEST_LABEL = 128;

/**
 * A name that a stranger chose, such as a provider or a client, as it can be shown anywhere: on one line, with blanks
 * alone between what is seen, and no longer than `most` characters.
 */
export function labelOf(text: string, most = LONGEST_LABEL): string {
  // What is longer is cut before it is read, however long it is.
  const start = text.slice(0, 16 * most).replace(/[\s\p{Zl}\p{Zp}\p{Cc}]+/gu, ' ');
  const label = start.replace(INVISIBLES, '').replace(/ {2,}/g, ' ').trim();
  if (label.length <= most) return label;
  return `${label.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** What drives a terminal, and what turns the direction of writing there. Emoji and some scripts need joiners. */
const DRIVING = /(?!\n|\t|\u200C|\u200D|\uFE0F)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** The text with `\uFFFD` for what drives a terminal or is not seen there, other than line breaks and tabs. */
export const visible = (text: string): string => text.replace(DRIVING, '\uFFFD');

/** The JSON text with escapes in place of the same, so that it still says the same. */
export const visibleJson = (json: string): string =>
  json.replace(DRIVING, (it) =>
    [...Array(it.length).keys()].map((i) => `\\u${it.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
  );
