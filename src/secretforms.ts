import { inspect } from 'node:util';

/** Longer texts are looked for as they are and in JSON alone: nobody encodes megabytes, and each form costs as much. */
const LONGEST_ENCODED = 16 * 1024;

/**
 * The forms in which a text usually travels, itself first, each once: in JSON (also within JSON, with ASCII alone, and as
 * for HTML), percent-encoded (RFC 3986, as a form, in lower case, twice), in HTML, quoted-printable, hex, base64, base64url
 * and base32 (RFC 4648) wherever it begins in what was encoded, as `inspect` shows it, and each of its lines.
 *
 * Not known: other alphabets, base64 of base64, letters of the other case, reversed or cut texts, compressed bytes.
 */
export function formsOf(value: string): readonly string[] {
  if (value.length > LONGEST_ENCODED) return plainForms(value);
  const json = jsonOf(value);
  const bytes = Buffer.from(value, 'utf8');
  const ofBytes = [
    ...inHex(bytes),
    ...[0, 1, 2].flatMap((offset) => inBase64(bytes, offset)),
    ...[0, 1, 2, 3, 4].map((offset) => inBase32(bytes, offset)),
  ];
  if (SAME_EVERYWHERE.test(value)) return unique([value, ...ofBytes]);
  return unique([
    value,
    ...inJson(json),
    inspect(value, { breakLength: Number.POSITIVE_INFINITY, maxStringLength: null }).slice(1, -1),
    ...inPercent(value),
    ...inHtml(value),
    ...inQuotedPrintable(bytes),
    ...ofBytes,
    // A text of several lines, such as a private key, may stand indented, as inspect does with the cause of an error.
    ...value.split(/\r?\n/),
  ]);
}

/** Most tokens: in all that escapes characters they stand as they are. */
const SAME_EVERYWHERE = /^[\w.-]*$/;

/** The text itself, and in JSON. */
export const plainForms = (value: string): readonly string[] => unique([value, jsonOf(value)]);

const jsonOf = (text: string): string => JSON.stringify(text).slice(1, -1);

/** Shorter ones would blank ordinary words. */
export const SHORTEST_FORM = 8;

const unique = (texts: readonly string[]): readonly string[] =>
  [...new Set(texts)].filter((it) => it.length >= SHORTEST_FORM);

const escaped = (text: string, which: RegExp, write: (it: string) => string = (it) => it): string =>
  text.replace(which, (it) => write(`\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`));

const upper = (it: string): string => `\\u${it.slice(2).toUpperCase()}`;

/** As JavaScript writes it, PHP, Python, Go, Java and .NET; and within a text that is JSON itself. */
function inJson(json: string): string[] {
  const ascii = escaped(json, /[^ -~]/g);
  return [
    json,
    json.replaceAll('/', '\\/'),
    ascii,
    ascii.replaceAll('/', '\\/'),
    escaped(json, /[^ -~]/g, upper),
    escaped(json, /[<>&\u2028\u2029]/g),
    escaped(json, /[^ -~]|[<>&'=]/g),
    escaped(json.replaceAll('\\"', '"'), /[^ -~]|["<>&'+`]/g, upper),
    jsonOf(json),
  ];
}

function inPercent(value: string): string[] {
  const percent = percentEncoded(value);
  const strict = percent.replace(/[!'()*]/g, (it) => `%${it.charCodeAt(0).toString(16).toUpperCase()}`);
  const form = new URLSearchParams([['', value]]).toString().slice(1);
  const forms = [percent, strict, strict.replaceAll('~', '%7E'), form, form.replaceAll('%7E', '~')];
  const all = [...forms, ...forms.map((it) => it.replace(/%../g, (hex) => hex.toLowerCase()))];
  return [...all, ...all.map((it) => it.replaceAll('%', '%25').replaceAll('+', '%2B'))];
}

function percentEncoded(value: string): string {
  try {
    return encodeURIComponent(value);
  } catch {
    return value; // a lone surrogate has no percent-encoded form
  }
}

const NAMED: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot' };

/** With names, with decimal and with hexadecimal numbers, of more or fewer characters. */
function inHtml(value: string): string[] {
  const written = (which: RegExp, number: (code: number) => string) =>
    value.replace(which, (it) => `&${NAMED[it] ?? number(it.codePointAt(0) ?? 0)};`);
  const decimal = (code: number) => `#${code}`;
  const hex = (code: number) => `#x${code.toString(16).toUpperCase()}`;
  const quotes = (text: string) => text.replaceAll('&quot;', '&#34;');
  return [
    written(/[&<>]/g, decimal),
    written(/[&<>"]/g, decimal),
    ...[decimal, (code: number) => `#0${code}`, (code: number) => `#x${code.toString(16)}`, hex].flatMap((number) => [
      written(/[&<>"']/g, number),
      quotes(written(/[&<>"']/g, number)),
      written(/[&<>"'/`=]/g, number),
      quotes(written(/[&<>"'+]/g, number)),
      written(/[&<>"'+]|[^\0-~]/gu, number),
    ]),
  ];
}

function inHex(bytes: Buffer): string[] {
  const hex = bytes.toString('hex');
  const spaced = hex.replace(/..(?!$)/g, '$& ');
  // Of a buffer that is printed its first bytes are shown.
  return [
    hex,
    hex.toUpperCase(),
    spaced,
    spaced.slice(0, 3 * 50 - 1),
    spaced.toUpperCase(),
    spaced.replaceAll(' ', ':'),
  ];
}

/** On one line (RFC 2045 §6.7). */
function inQuotedPrintable(bytes: Buffer): string[] {
  const written = (which: RegExp) =>
    bytes.toString('latin1').replace(which, (it) => `=${it.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  return [written(/[^ -<>-~]/g), written(/[^ -<>@-^`-~]/g).replaceAll(' ', '_')];
}

function inBase64(bytes: Buffer, offset: number): string[] {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  const inside = insideOf(text, offset, bytes, 6);
  if (!/[+/]/.test(inside)) return [inside];
  const url = inside.replaceAll('+', '-').replaceAll('/', '_');
  return [inside, url, encodeURIComponent(inside), inside.replaceAll('/', '\\/')];
}

const BASE32 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567');

function inBase32(bytes: Buffer, offset: number): string {
  const text = Buffer.alloc(Math.floor(((offset + bytes.length) * 8) / 5));
  let [length, rest, bits] = [0, 0, offset * 8];
  for (; bits >= 5; bits -= 5) text[length++] = BASE32[0]!;
  for (const byte of bytes) {
    rest = (rest << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text[length++] = BASE32[(rest >> (bits - 5)) & 31]!;
  }
  return insideOf(text.toString('latin1'), offset, bytes, 5);
}

/** What these bytes alone decide of a longer text, where so many others stand before them in their group. */
const insideOf = (text: string, offset: number, bytes: Buffer, bits: number): string =>
  text.slice(Math.ceil((offset * 8) / bits), Math.floor(((offset + bytes.length) * 8) / bits));
