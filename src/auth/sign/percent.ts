const UNRESERVED = /^[\w.~-]$/;

/** Byte for byte, all but `A-Z a-z 0-9 - . _ ~` becomes `%XX` (RFC 5849 §3.6). A text is taken as UTF-8. */
export function percentEncode(value: string | Uint8Array): string {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    return UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}

/** The address with parameters after its own, whose spelling stays as it is: it may have been signed. */
export function withQuery(url: URL, parameters: readonly (readonly [string, string])[]): URL {
  const added = parameters.map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`);
  const next = new URL(url);
  next.search = [url.search.slice(1), ...added].filter((it) => it !== '').join('&');
  return next;
}
