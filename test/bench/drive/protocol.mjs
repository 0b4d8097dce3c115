/** The two eras of MCP: with a handshake, and with an envelope in each request. */
export const LEGACY = '2025-11-25';
export const MODERN = '2026-07-28';

const clientInfo = { name: 'bench', version: '1.0.0' };
const envelope = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': clientInfo,
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** A message as text; without an id it is a notification. */
export function messageText(era, { id, method, params = {} }) {
  const sent = era === MODERN ? { ...params, _meta: envelope } : params;
  return JSON.stringify({ jsonrpc: '2.0', id, method, params: sent });
}

/** What a client of the 2025 era says first. `ask` sends a request, `tell` a notification. */
export async function shakeHands(era, { ask, tell }) {
  if (era === MODERN) return;
  await ask('initialize', { protocolVersion: LEGACY, capabilities: {}, clientInfo });
  await tell('notifications/initialized');
}

/** The id of an answer: it stands in its first or its last bytes, in whichever order a server writes the members. */
export function idOf(bytes, from, to) {
  const head = /^\{(?:"jsonrpc":"2\.0",)?"id":(\d+)[,}]/.exec(bytes.latin1Slice(from, Math.min(to, from + 60)));
  const found = head ?? /"id":(\d+)\}\s*$/.exec(bytes.latin1Slice(Math.max(from, to - 40), to));
  return found ? Number(found[1]) : undefined;
}
