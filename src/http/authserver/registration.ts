import { newSecret } from '../../integration/issuedsecret.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { type ClientMetadata, readClientMetadata } from './client.ts';

/** What stands in a `client_id`, in few characters: it comes along with each request. */
type Sealed = {
  readonly n?: string | undefined;
  readonly u: readonly string[];
  readonly m?: ClientMetadata['token_endpoint_auth_method'] | undefined;
  readonly s?: string | undefined;
};

export type RegisteredMetadata = ClientMetadata & { readonly client_id: string; readonly client_secret?: string };

const CONTEXT = 'oauth client';
/** Bytes of name and addresses together, so that an authorization request stays an address that browsers take. */
export const LONGEST_REGISTRATION = 1_000;

export const sizeOfRegistration = ({ client_name: name = '', redirect_uris: uris }: ClientMetadata): number =>
  Buffer.byteLength(JSON.stringify([name, uris]));

/**
 * Registers a client without keeping anything: its `client_id` is its registration, sealed (RFC 7591 §A.5.2), so that
 * nobody fills a store by registering, and every process knows every client.
 */
export function registerClient(keystore: Keystore, client: ClientMetadata): RegisteredMetadata {
  const { client_name: n, redirect_uris: u, token_endpoint_auth_method: m } = client;
  const secret = m === 'none' ? undefined : newSecret();
  const sealed: Sealed = { n, u, m, s: secret };
  return {
    ...client,
    client_id: keystore.seal(CONTEXT, sealed),
    ...(secret !== undefined && { client_secret: secret }),
  };
}

/** The client of a `client_id` that was made here; undefined for any other. */
export function registeredClient(keystore: Keystore, clientId: string): RegisteredMetadata | undefined {
  const sealed = unsealed(keystore, clientId);
  if (!sealed) return undefined;
  const { n, u, m, s } = sealed;
  const read = readClientMetadata({ client_name: n, redirect_uris: u, token_endpoint_auth_method: m });
  if ('problem' in read) return undefined; // good once, and no longer
  return { ...read.client, client_id: clientId, ...(s !== undefined && { client_secret: s }) };
}

function unsealed(keystore: Keystore, clientId: string): Sealed | undefined {
  try {
    return keystore.unseal<Sealed>(CONTEXT, clientId);
  } catch {
    return undefined; // by nobody, or with a key that is no longer there
  }
}
