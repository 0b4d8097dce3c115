import type { ClientCapabilities } from '@modelcontextprotocol/server';
import { BoundedMap, bound, sizeOfText } from '../bounded.ts';
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

/** Sessions that were opened, by whose they are and their id: a client sends the same id with each request. */
const opened = new WeakMap<Engine['keystore'], BoundedMap<Session>>();
const OPENED = bound({
  name: 'MCP sessions that were opened',
  entries: 1_000,
  bytes: 8 * 1024 * 1024,
  atBound: 'the session used longest ago is opened again',
});

/** What the client of a session has said; undefined for an id that is not this user's, or is over. */
export function openSession({ keystore, now }: Engine, who: Principal, id: string | null): Told | undefined {
  if (id === null || id.length > LONGEST) return undefined;
  const context = contextOf(who);
  const sessions = opened.get(keystore) ?? new BoundedMap<Session>(OPENED, (it) => sizeOfText(JSON.stringify(it)));
  opened.set(keystore, sessions);
  const name = `${context} ${id}`;
  try {
    const session = sessions.get(name) ?? keystore.unseal<Session>(context, id);
    if (!sessions.has(name)) sessions.set(name, session);
    const { expiresAt, ...told } = session;
    return now() < expiresAt ? told : undefined;
  } catch {
    return undefined;
  }
}

/** Only what a server may act on. */
function known({ elicitation, sampling, roots }: ClientCapabilities): ClientCapabilities {
  return { ...(elicitation && { elicitation }), ...(sampling && { sampling }), ...(roots && { roots }) };
}
