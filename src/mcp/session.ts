import type { ClientCapabilities } from '@modelcontextprotocol/server';
import type { Engine } from '../execute/engine.ts';
import type { Principal } from '../integration/principal.ts';
import type { Told } from './peer.ts';

type Session = Told & { readonly expiresAt: number };

const LIFE = 7 * 24 * 60 * 60_000;
const LONGEST = 2_000;

/** A session id is good for one user: it says what their client can do, and is no credential. */
const contextOf = ({ organization, user }: Principal): string => JSON.stringify(['mcp session', organization, user]);

/**
 * The `Mcp-Session-Id` for a client of the 2025 revisions. Those tell what they can do at the start only, and as no
 * process keeps anything for them, the id itself carries it, sealed. Undefined for what no header should hold.
 */
export function sealSession(
  { keystore, now }: Engine,
  who: Principal,
  { capabilities, name }: Told,
): string | undefined {
  const session: Session = { capabilities: known(capabilities), name, expiresAt: now() + LIFE };
  const id = keystore.seal(contextOf(who), session);
  return id.length <= LONGEST ? id : undefined;
}

/** What the client of a session has said; undefined for an id that is not this user's, or is over. */
export function openSession({ keystore, now }: Engine, who: Principal, id: string | null): Told | undefined {
  if (id === null || id.length > LONGEST) return undefined;
  try {
    const { expiresAt, ...told } = keystore.unseal<Session>(contextOf(who), id);
    return now() < expiresAt ? told : undefined;
  } catch {
    return undefined;
  }
}

/** Only what a server may act on. */
function known({ elicitation, sampling, roots }: ClientCapabilities): ClientCapabilities {
  return { ...(elicitation && { elicitation }), ...(sampling && { sampling }), ...(roots && { roots }) };
}
