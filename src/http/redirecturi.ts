import { LOOPBACK } from './hosts.ts';

/**
 * Schemes without a dot that MCP clients register for their apps, against the advice of RFC 8252 §7.1. Others lead to
 * programs that come with the system and do as an address says, such as `ms-msdt:` and `search-ms:`.
 */
const APPS = new Set([
  'claude',
  'code-oss',
  'cursor',
  'goose',
  'grokbot',
  'kiro',
  'raycast',
  'trae',
  'vscode',
  'vscode-insiders',
  'vscodium',
  'warp',
  'windsurf',
  'zed',
]);

/** Reverse domain names, as in `com.example.app:/callback` (RFC 8252 §7.1). */
const PRIVATE_USE = /^[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+$/;

/** Whether a browser may be sent to a web address with what it is to bring: https, or http to this machine. */
export function isWebRedirect(text: string): boolean {
  // As it is read by others: parsers make `https://a` of `https:a`.
  const url = /^https?:\/\/[^/]/i.test(text) ? redirectOf(text) : undefined;
  if (!url || url.hostname.includes('*')) return false;
  return url.protocol === 'https:' || LOOPBACK.includes(url.hostname);
}

/** Whether it is an address of an app that has claimed a scheme of its own. */
export function isAppRedirect(text: string): boolean {
  const scheme = redirectOf(text)?.protocol.slice(0, -1);
  return scheme !== undefined && (APPS.has(scheme) || PRIVATE_USE.test(scheme));
}

/** Undefined for what is no address, or one with a user, a fragment or blanks in it. */
function redirectOf(text: string): URL | undefined {
  if (!URL.canParse(text) || /[\s\\\p{C}]/u.test(text)) return undefined;
  const url = new URL(text);
  return url.href.includes('#') || url.username !== '' || url.password !== '' ? undefined : url;
}
