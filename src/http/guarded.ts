import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TielineError } from '../errors.ts';
import { log } from '../log.ts';
import { sendProblem } from './mishap.ts';

/** A request whose listeners, whoever they belong to, end no more than this request by what they throw. */
export class GuardedRequest extends IncomingMessage {
  /** Its answer, once that is there. */
  answer: ServerResponse | undefined;

  override emit(...event: Parameters<IncomingMessage['emit']>): boolean {
    try {
      return super.emit(...event);
    } catch (cause) {
      return failed(this.answer, cause, () => this.socket.destroy());
    }
  }
}

/** The same for the answer to it. */
export class GuardedAnswer extends ServerResponse<GuardedRequest> {
  override emit(...event: Parameters<ServerResponse['emit']>): boolean {
    try {
      return super.emit(...event);
    } catch (cause) {
      return failed(this, cause, () => this.destroy());
    }
  }
}

/** The same for a connection, on which there may be no request at all. */
export function guardSocket(socket: Socket): void {
  const emit = socket.emit.bind(socket) as (...event: readonly unknown[]) => boolean;
  socket.emit = (...event: readonly unknown[]): boolean => {
    try {
      return emit(...event);
    } catch (cause) {
      return failed(undefined, cause, () => socket.destroy());
    }
  };
}

/** Answers where that is possible, and cuts the connection where it is not. Never throws. */
function failed(answer: ServerResponse | undefined, cause: unknown, cut: () => void): true {
  log.error('a request failed', { cause });
  try {
    if (!answer || answer.destroyed || answer.writableEnded) cut();
    else sendProblem(answer, new TielineError('internal', 'Tieline failed', { hint: 'See its log.' }));
  } catch {
    cut();
  }
  return true;
}
