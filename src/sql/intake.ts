import type { Socket } from 'node:net';
import { bound } from '../bounded.ts';

/** What comes from a database before a row of it is complete, as far as a driver gathers it. A page holds 8 MiB of JSON. */
const EACH = bound({
  name: 'what one database sends before a row is complete',
  entries: 1,
  bytes: 16 * 1024 * 1024,
  atBound: 'its connection is ended and the statement fails with response_too_large',
});
const ALL = bound({
  name: 'what all databases together have sent of rows that are not complete',
  entries: 2_000,
  bytes: 64 * 1024 * 1024,
  atBound: 'the connection with the most is ended, as at the bound of one',
});
const LOOK_MS = 5;

/** What of a connection is counted. */
export type Intake = {
  /** To be called as the driver hands over rows: what comes in between them is bounded. */
  mark(): void;
  /** The connection was ended as too much came in. */
  isFlooded(): boolean;
};

type Counted = { readonly socket: Socket; from: number; isFlooded: boolean };

const open = new Set<Counted>();
let timer: NodeJS.Timeout | undefined;

/** Counts what comes in on a connection, as long as it is open. Encrypted or not: it is read by different hands. */
export function countIntake(socket: Socket): Intake {
  const counted: Counted = { socket, from: socket.bytesRead, isFlooded: false };
  open.add(counted);
  timer ??= setInterval(look, LOOK_MS).unref();
  socket.once('close', () => {
    open.delete(counted);
    if (open.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  });
  return {
    mark() {
      counted.from = socket.bytesRead;
    },
    isFlooded: () => counted.isFlooded,
  };
}

const sizeOf = ({ socket, from }: Counted): number => socket.bytesRead - from;

function look(): void {
  const largest = [...open].filter((it) => !it.isFlooded && sizeOf(it) > 0).sort((a, b) => sizeOf(b) - sizeOf(a));
  let all = largest.reduce((sum, it) => sum + sizeOf(it), 0);
  for (const it of largest) {
    if (sizeOf(it) <= EACH.bytes && all <= ALL.bytes) return;
    all -= sizeOf(it);
    it.isFlooded = true;
    it.socket.destroy();
  }
}
