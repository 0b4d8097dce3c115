/** Numbers below are seconds, from there on milliseconds: 5138-11-16 as seconds, 1973-03-03 as milliseconds. */
const FIRST_MILLISECONDS = 100_000_000_000;

const NUMBER = /^-?\d{1,16}(?:\.\d{1,9})?$/;
const ISO = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?( ?(?:Z|[+-]\d\d:?\d\d))?)?$/i;
// RFC 5322 section 3.3, with the comment that many mailers append
const MAIL =
  /^(?:[a-z]{3}, ?)?\d{1,2} [a-z]{3} \d{4} \d\d:\d\d(?::\d\d)? (?:[+-]\d{4}|GMT|UTC?)(?: \([a-z0-9 :+-]{1,40}\))?$/i;

/**
 * Reads epoch seconds or milliseconds (number or digits), ISO 8601, or an e-mail date; undefined for all else.
 * `Date.parse` alone would take "chapter 7" for a date, and a time without a zone for local time.
 */
export function readDate(value: unknown): Date | undefined {
  const date = new Date(milliseconds(value));
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function milliseconds(value: unknown): number {
  if (typeof value === 'number') return Math.abs(value) < FIRST_MILLISECONDS ? value * 1000 : value;
  if (typeof value !== 'string' || value.length > 100) return Number.NaN;
  const text = value.trim();
  if (NUMBER.test(text)) return milliseconds(Number(text));
  if (MAIL.test(text)) return Date.parse(text);
  const iso = ISO.exec(text);
  if (iso === null) return Number.NaN;
  const normal = text
    .replace(',', '.')
    .replace(/^(\S{10}) /, '$1T')
    .replace(/ /, '');
  return Date.parse(normal.length > 10 && iso[1] === undefined ? `${normal}Z` : normal);
}
