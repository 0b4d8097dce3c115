import { z } from 'zod';
import { labelOf } from '../../label.ts';
import { LOOPBACK } from '../hosts.ts';
import { AUTH_METHODS } from './metadata.ts';

/** Schemes whose addresses would run in the browser or read files instead of leading to a client. */
const FORBIDDEN_SCHEME = /^(?:javascript|vbscript|data|blob|file|about|view-source|filesystem|ftp|wss?):$/;

/** Whether a browser may be sent there with a code: https, this machine, or an app that has claimed a scheme. */
export function isRedirectUri(text: string): boolean {
  if (!URL.canParse(text) || /[\s\\]/.test(text)) return false;
  const url = new URL(text);
  if (url.href.includes('#') || url.username !== '' || url.password !== '') return false;
  if (url.protocol === 'https:') return true;
  if (url.protocol === 'http:') return LOOPBACK.includes(url.hostname);
  return !FORBIDDEN_SCHEME.test(url.protocol);
}

const redirectUri = z.string().max(2_000).refine(isRedirectUri, 'is https, or leads to an app on this machine');

/** What is taken of what a client says of itself (RFC 7591 §2). The rest is left out, as §2 lets a server do. */
const metadata = z.object({
  client_name: z
    .string()
    .max(200)
    .transform((name) => labelOf(name, 200))
    .optional(),
  redirect_uris: z.array(redirectUri).min(1).max(16),
  token_endpoint_auth_method: z.enum(AUTH_METHODS).optional(),
});

export type ClientMetadata = z.infer<typeof metadata> & {
  readonly application_type: 'native' | 'web';
  readonly grant_types: string[];
  readonly response_types: ['code'];
};

/**
 * The metadata of a client in the form in which oidc-provider is given it. Undefined with what is wrong where it cannot
 * be. Who receives answers on this machine is a native client whatever it says: its port is free (RFC 8252 §7.3).
 */
export function readClientMetadata(given: unknown): { readonly client: ClientMetadata } | { readonly problem: string } {
  const read = metadata.safeParse(given);
  if (!read.success) {
    return { problem: read.error.issues.map((it) => `${it.path.join('.') || 'metadata'}: ${it.message}`).join('; ') };
  }
  const isNative = read.data.redirect_uris.some((it) => new URL(it).protocol !== 'https:');
  return {
    client: {
      ...read.data,
      application_type: isNative ? 'native' : 'web',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    },
  };
}
