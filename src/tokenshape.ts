/** Tokens that are secret wherever they stand, by the way in which they begin; each ends where its letters do. */
const TOKENS =
  /\b(?:ya29\.[\w-]{20,}|gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[abeprs]-[\w-]{10,}|(?:sk-(?:user|client)|pat)-[\w-]{10,}|sk_(?:live|test)_\w{10,})/g;

/** Links of one use, by the path at which they stand. */
const LINKS = /(?<=\/(?:connect|authorizations)\/)[\w-]{40,}/g;

/** What follows the first part of a JSON web token (RFC 7519), that of an object. */
const REST_OF_JWT = /\.eyJ[\w-]{10,}\.[\w-]+/g;

/** What follows the name of a scheme, unless it is a word, as in "basic authentication". */
const AFTER_SCHEME =
  /(?<=\b(?:[Bb]earer|BEARER|[Bb]asic|BASIC|[Tt]oken|TOKEN) )(?![a-z_-]+\.?(?![\w.~+/=]))[\w.~+/=-]{12,}/g;

/**
 * The text with `[secret]` for all that has the shape of a token. It takes as long as the text is, knows nothing of
 * anybody's secrets, and so gives everybody the same.
 */
export const withoutTokens = (text: string): string =>
  withoutJwts(text.replace(TOKENS, '[secret]').replace(LINKS, '[secret]')).replace(AFTER_SCHEME, '[secret]');

/** The beginning of a text, without a word that was cut: what is left of a token would be known to nobody. */
export function beginningOf(text: string, most: number): string {
  if (text.length <= most) return text;
  let end = most;
  while (end > 0 && !/[\s"',;]/.test(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

/** Looks from the middle of each: one that is looked for from its beginning may begin in many places of one text. */
function withoutJwts(text: string): string {
  let clean = '';
  let kept = 0;
  REST_OF_JWT.lastIndex = 0;
  for (let found = REST_OF_JWT.exec(text); found; found = REST_OF_JWT.exec(text)) {
    const start = startOfJwt(text, found.index, kept);
    if (start === undefined) {
      REST_OF_JWT.lastIndex = found.index + 1; // what follows may be the rest of another one
    } else {
      clean += `${text.slice(kept, start)}[secret]`;
      kept = REST_OF_JWT.lastIndex;
    }
  }
  return kept === 0 ? text : clean + text.slice(kept);
}

const LETTER = /[\w-]/;
const SHORTEST_HEADER = 'eyJ'.length + 10;

/** Where the part before `end` begins, not before `first`. Undefined when it is none of a token. */
function startOfJwt(text: string, end: number, first: number): number | undefined {
  let start = end;
  while (start > first && LETTER.test(text.charAt(start - 1))) start--;
  const part = text.slice(start, end);
  const at = /\beyJ/.exec(part)?.index;
  return at === undefined || part.length - at < SHORTEST_HEADER ? undefined : start + at;
}
