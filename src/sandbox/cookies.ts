type Cookie = { readonly host: string; readonly path: string; readonly name: string; readonly value: string };

/** A browser's cookies, as far as host and path go (RFC 6265 §5.1.4, §5.3); times matter only to delete one. */
export class CookieJar {
  readonly #cookies = new Map<string, Cookie>();

  /** Takes in the `Set-Cookie` headers of an answer from `url`. */
  keep(url: URL, setCookies: readonly string[]): void {
    for (const line of setCookies) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const [name, value] = cut(pair);
      const attribute = new Map(attributes.map((it) => cut(it)).map(([key, text]) => [key.toLowerCase(), text]));
      const path = attribute.get('path') || defaultPath(url);
      const key = JSON.stringify([url.hostname, path, name]);
      if (hasEnded(attribute)) this.#cookies.delete(key);
      else this.#cookies.set(key, { host: url.hostname, path, name, value });
    }
  }

  /** The `Cookie` header for a request to `url`; empty when no cookie belongs there. */
  headerFor(url: URL): string {
    return [...this.#cookies.values()]
      .filter(({ host, path }) => host === url.hostname && isUnder(url.pathname, path))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
  }
}

function cut(text: string): [string, string] {
  const at = text.indexOf('=');
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function isUnder(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

function defaultPath(url: URL): string {
  return url.pathname.slice(0, url.pathname.lastIndexOf('/')) || '/';
}

function hasEnded(attribute: ReadonlyMap<string, string>): boolean {
  const maxAge = attribute.get('max-age');
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  const expires = attribute.get('expires');
  return expires !== undefined && Date.parse(expires) <= Date.now();
}
