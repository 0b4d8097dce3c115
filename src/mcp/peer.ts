import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type ClientCapabilities,
  type Implementation,
  type Server,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { labelOf } from '../label.ts';

/** What is known of the client of a call. */
export type Peer = {
  /** `modern`: revision 2026-07-28 or later, where requests stand for themselves. */
  readonly era: 'modern' | 'legacy';
  /** Whether it opens addresses for its user (`elicitation.url`); `elicitation: {}` means forms alone. */
  readonly opensUrls: boolean;
  /** What it calls itself, for people. Nobody vouches for it. */
  readonly name: string | undefined;
};

/** What a client of the 2025 revisions has said before, where it did so on another connection. */
export type Told = {
  readonly capabilities: ClientCapabilities;
  readonly name?: string | undefined;
};

const FIRST_MODERN = '2026-07-28';
const LONGEST_NAME = 60;

/** What each request of today carries; checked before a call is handled. */
type Envelope = {
  readonly [CLIENT_CAPABILITIES_META_KEY]?: ClientCapabilities;
  readonly [CLIENT_INFO_META_KEY]?: Implementation;
};

/** What a client says of itself, in one of the two ways there are. */
export const peerFrom = (
  era: Peer['era'],
  capabilities: ClientCapabilities | undefined,
  info: Pick<Implementation, 'name' | 'title'> | undefined,
): Peer => ({ era, opensUrls: capabilities?.elicitation?.url !== undefined, name: nameOf(info) });

/** The client of a request of today, by its `_meta`. */
export const peerOfEnvelope = (meta: Envelope): Peer =>
  peerFrom('modern', meta[CLIENT_CAPABILITIES_META_KEY], meta[CLIENT_INFO_META_KEY]);

/** The era that the SDK has found a connection to be of. */
export const eraOf = (server: Server | undefined): Peer['era'] =>
  (server?.getNegotiatedProtocolVersion() ?? '') >= FIRST_MODERN ? 'modern' : 'legacy';

/** The client of a call: clients of today say it with each request, those of 2025 at the start. */
export function peerOf(server: Server, { mcpReq }: ServerContext, told: Told | undefined): Peer {
  if (eraOf(server) === 'modern') return peerOfEnvelope(mcpReq.envelope ?? {});
  const peer = peerFrom('legacy', server.getClientCapabilities() ?? told?.capabilities, server.getClientVersion());
  return { ...peer, name: peer.name ?? told?.name };
}

/** A name as a page can show it. */
export function nameOf(info: Pick<Implementation, 'name' | 'title'> | undefined): string | undefined {
  return labelOf(info?.title ?? info?.name ?? '', LONGEST_NAME) || undefined;
}
