const MOST_CHARACTERS = 2_000_000;
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  copy: '©',
  reg: '®',
  trade: '™',
  hellip: '…',
  ndash: '–',
  mdash: '—',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  laquo: '«',
  raquo: '»',
  bull: '•',
  euro: '€',
  zwnj: '',
  shy: '',
};
const BLOCK = /^\/?(?:address|article|blockquote|br|dd|div|dl|dt|h[1-6]|hr|li|ol|p|pre|section|table|tr|ul)$/;
const HIDDEN = /^(?:script|style|head|title|template|noscript)$/;

/**
 * The readable text of HTML, for models and previews; it is no sanitizer. Every step moves forward over the text and
 * each search starts where the one before ended, so time grows with length only.
 */
export function stripHtml(html: string): string {
  const source = html.slice(0, MOST_CHARACTERS);
  const parts: string[] = [];
  let at = 0;
  while (at < source.length) {
    const open = source.indexOf('<', at);
    if (open < 0) break;
    parts.push(source.slice(at, open));
    const name = /^\/?[a-z][a-z0-9]*/i.exec(source.slice(open + 1, open + 20))?.[0].toLowerCase() ?? '';
    if (name === '' && !/^[!?/]/.test(source.slice(open + 1, open + 2))) {
      parts.push('<'); // "a < b" is text
      at = open + 1;
      continue;
    }
    at = after(source, source.startsWith('!--', open + 1) ? '-->' : '>', open + 1);
    if (BLOCK.test(name)) parts.push('\n');
    if (HIDDEN.test(name)) at = skipElement(source, name, at);
  }
  parts.push(source.slice(at));
  return tidy(decodeEntities(parts.join('')));
}

function skipElement(source: string, name: string, from: number): number {
  const closing = new RegExp(`</${name}\\b`, 'gi');
  closing.lastIndex = from;
  const found = closing.exec(source);
  return found === null ? source.length : after(source, '>', found.index);
}

/** The place behind the next `mark`, or the end: what is never closed holds no text. */
function after(source: string, mark: string, from: number): number {
  const found = source.indexOf(mark, from);
  return found < 0 ? source.length : found + mark.length;
}

function decodeEntities(text: string): string {
  return text.replace(/&(?:#x([\da-f]{1,6})|#(\d{1,7})|([a-z]{2,8}));/gi, (entity, hex, decimal, name) => {
    if (name !== undefined) return Object.hasOwn(ENTITIES, name) ? ENTITIES[name]! : entity;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : entity;
  });
}

function tidy(text: string): string {
  const lines = text.split(/[\r\n]/).map((line) => line.split(/\s+/).filter(Boolean).join(' '));
  return lines.filter(Boolean).join('\n');
}
