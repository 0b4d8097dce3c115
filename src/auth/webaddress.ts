const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

/**
 * The address if it may be opened in a browser: a definition could otherwise start programs (CVE-2025-6514). Plain http
 * (RFC 6749 §3.1) stays on this machine.
 */
export function webAddress(uri: string | undefined): URL | undefined {
  const url = uri !== undefined && URL.canParse(uri) ? new URL(uri) : undefined;
  const isWeb = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.test(url.hostname));
  return url && isWeb && url.username === '' && url.password === '' ? url : undefined;
}
