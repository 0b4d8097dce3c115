import { z } from 'zod';
import { labelOf } from '../../label.ts';
import { isAppRedirect, isWebRedirect } from '../redirecturi.ts';
import { AUTH_METHODS } from './metadata.ts';

const isScheme = (text: string): boolean => /^[a-z][a-z0-9+.-]*:/i.test(text) && !/^https?:/i.test(text);

/**
 * Addresses of apps whose scheme is not taken are left out where others are left (RFC 7591 §3.2.1 lets a server change
 * what is asked for): clients register those of all the apps that they have ever been.
 */
const redirectUris = z
  .array(z.string().max(2_000))
  .max(16)
  .transform((all) => all.filter((it) => !isScheme(it) || isAppRedirect(it)))
  .pipe(
    z
      .array(z.string().refine((it) => isWebRedirect(it) || isAppRedirect(it), 'is https, or http to this machine'))
      .min(1, 'none leads to a web address or to an app that is known here'),
  );

/** What is taken of what a client says of itself (RFC 7591 §2). The rest is left out, as §2 lets a server do. */
const metadata = z.object({
  client_name: z
    .string()
    .max(200)
    .transform((name) => labelOf(name, 200))
    .optional(),
  redirect_uris: redirectUris,
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
