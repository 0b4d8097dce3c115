import type { JSONRPCMessage, Server } from '@modelcontextprotocol/server';
import type { Engine } from '../execute/engine.ts';
import type { Principal } from '../integration/principal.ts';
import { AcceptedEnvelopes, envelopeKey } from './accepted.ts';
import { returnController, takeController } from './cancellation.ts';
import { type DirectOptions, type Json, openDirect } from './direct.ts';
import { eraOf, type Peer, peerFrom, peerOfEnvelope } from './peer.ts';
import { type PlainRequest, plainRequest } from './plain.ts';
import type { Intercept } from './wire.ts';

/** The short way for plain requests of one connection. The SDK decides the era, and sees each kind of request first. */
export type Shortcut = {
  readonly intercept: Intercept;
  /** To be told what the SDK answers. */
  note(message: JSONRPCMessage): void;
  /** Ends what is under way. */
  close(): void;
};

export type ShortcutOptions = DirectOptions & {
  /** The SDK's server of the connection, once there is one. */
  readonly server: () => Server | undefined;
};

export function openShortcut(engine: Engine, who: Principal, { server, ...options }: ShortcutOptions): Shortcut {
  const direct = openDirect(engine, options);
  const accepted = new AcceptedEnvelopes<Peer>();
  /** Plain requests that the SDK has been given, by id. */
  const asked = new Map<PlainRequest['id'], PlainRequest>();
  const running = new Map<PlainRequest['id'], AbortController>();

  function peerOf({ meta }: PlainRequest): Peer {
    const connected = server();
    if (eraOf(connected) === 'modern') return peerOfEnvelope(meta ?? {});
    return peerFrom('legacy', connected?.getClientCapabilities(), connected?.getClientVersion());
  }

  function run(request: PlainRequest, peer: Peer, write: (json: Json) => void): void {
    const controller = takeController();
    running.set(request.id, controller);
    void direct.answer(request, who, peer, controller.signal).then((text) => {
      if (running.get(request.id) === controller) running.delete(request.id);
      // Whoever has canceled it expects no answer.
      if (!controller.signal.aborted) write(text);
      returnController(controller);
    });
  }

  return {
    intercept(message, write) {
      const request = plainRequest(message);
      if (!request) {
        const { method, params } = (message ?? {}) as { method?: unknown; params?: { requestId?: never } | null };
        // A client that begins anew may say something else of itself.
        if (method === 'initialize') {
          accepted.clear();
          asked.clear();
        }
        if (method !== 'notifications/cancelled' || params?.requestId === undefined) return false;
        asked.delete(params.requestId);
        const canceled = running.get(params.requestId);
        canceled?.abort();
        return canceled !== undefined;
      }
      const peer = direct.takes(request) ? accepted.get(envelopeKey(request.meta)) : undefined;
      if (peer) run(request, peer, write);
      else asked.set(request.id, request);
      return peer !== undefined;
    },
    note(message) {
      if (!('id' in message) || message.id === undefined || 'method' in message) return;
      const request = asked.get(message.id);
      asked.delete(message.id);
      if (request && 'result' in message) accepted.add(envelopeKey(request.meta), peerOf(request));
    },
    close() {
      for (const controller of running.values()) controller.abort();
    },
  };
}
