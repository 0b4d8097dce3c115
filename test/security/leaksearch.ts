/** A text that may be nowhere but where it belongs. */
export type Planted = { readonly name: string; readonly value: string };

/** What a program let out: an answer, a page, a log, the bytes of a file. */
export type Output = { readonly where: string; readonly said: string | Uint8Array };

export type Leak = { readonly where: string; readonly secret: string; readonly form: string };

/** Shorter texts stand in many places by chance. */
const SHORTEST = 8;

type Needle = { readonly text: string; readonly secret: string; readonly form: string };

/** Every secret that stands in an output, in any form in which a text usually travels; each once for an output. */
export function findLeaks(outputs: readonly Output[], secrets: readonly Planted[]): Leak[] {
  const byStart = new Map<string, Needle[]>();
  for (const { name, value } of secrets) {
    for (const [form, text] of formsOf(value)) {
      const needle = { text, secret: name, form };
      const start = text.slice(0, SHORTEST);
      byStart.set(start, [...(byStart.get(start) ?? []), needle]);
    }
  }
  return outputs.flatMap(({ where, said }) => {
    const text = bytesOf(said);
    const found = new Map<string, Leak>();
    for (let at = 0; at + SHORTEST <= text.length; at += 1) {
      for (const needle of byStart.get(text.slice(at, at + SHORTEST)) ?? []) {
        const { secret, form } = needle;
        if (found.has(secret) || !text.startsWith(needle.text, at)) continue;
        found.set(secret, { where, secret, form });
      }
    }
    return [...found.values()];
  });
}

/** One character for each byte, so that a text and the bytes of a file are searched alike. */
const bytesOf = (said: string | Uint8Array): string => Buffer.from(said as string).toString('latin1');

/** Each form by its name. Throws for a secret that is too short to be told from other text. */
export function formsOf(value: string): [form: string, text: string][] {
  if (value.length < SHORTEST) throw new Error(`a secret of ${value.length} characters cannot be searched for`);
  const bytes = Buffer.from(value);
  const json = JSON.stringify(value).slice(1, -1);
  const percent = encodeURIComponent(value);
  const hex = bytes.toString('hex');
  const forms: [string, string][] = [
    ['raw', value],
    // A text of several lines, such as a private key, may be shown line by line.
    ...value
      .split(/\r?\n/)
      .filter((it) => it.length >= 2 * SHORTEST && !/^-----/.test(it))
      .map((it): [string, string] => ['one line', it]),
    ['JSON', json],
    ['JSON in JSON', JSON.stringify(json).slice(1, -1)],
    ['JSON in ASCII', json.replace(/[^ -~]/g, (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`)],
    ['HTML', value.replace(/[&<>"']/g, (it) => HTML[it] ?? it)],
    ['percent-encoded', percent],
    ['percent-encoded in full', percent.replace(/[!'()*]/g, (it) => `%${it.charCodeAt(0).toString(16).toUpperCase()}`)],
    ['percent-encoded in lower case', percent.replace(/%../g, (it) => it.toLowerCase())],
    ['percent-encoded twice', encodeURIComponent(percent)],
    ['a form', new URLSearchParams([['', value]]).toString().slice(1)],
    ['hex', hex],
    ['hex in upper case', hex.toUpperCase()],
    ['hex by bytes', hex.replace(/..(?!$)/g, '$& ')],
    ...[0, 1, 2].flatMap((offset): [string, string][] => {
      const base64 = base64At(bytes, offset);
      const url = base64.replaceAll('+', '-').replaceAll('/', '_');
      return [
        [`base64 at offset ${offset}`, base64],
        [`base64url at offset ${offset}`, url],
        [`base64 at offset ${offset}, percent-encoded`, encodeURIComponent(base64)],
      ];
    }),
  ];
  const seen = new Set<string>();
  const inBytes = forms.map(([form, text]): [string, string] => [form, bytesOf(text)]);
  return inBytes.filter(([, text]) => text.length >= SHORTEST && !seen.has(text) && seen.add(text));
}

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** What of a longer base64 text depends on these bytes alone, where they begin so many bytes after a whole group. */
function base64At(bytes: Uint8Array, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  const first = Math.ceil((offset * 8) / 6);
  return text.slice(first, Math.floor(((offset + bytes.length) * 8) / 6));
}
