/** Characters of what somebody sent that a message repeats, at most: enough to know it again. */
const LONGEST = 120;
/** Names of a list that a message repeats, at most. */
const MOST_NAMES = 8;

/** What somebody sent, as a message repeats it: in quotes, without characters that act, and no longer than a line. */
export function quoted(text: string): string {
  return JSON.stringify(shortened(text));
}

/** The same without quotes, where the text is a name. */
export function shortened(text: string, longest = LONGEST): string {
  if (text.length <= longest) return text.replace(/\p{C}/gu, ' ');
  return `${text.slice(0, longest).replace(/\p{C}/gu, ' ')}… (${text.length} characters)`;
}

/** The first of many names, and how many more there are. */
export function few(names: readonly string[], most = MOST_NAMES): string {
  const shown = names.slice(0, most).map((it) => shortened(it, 60));
  return names.length > most ? `${shown.join(', ')} and ${names.length - most} more` : shown.join(', ');
}
