import { EventEmitter } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/**
 * Preloaded into a server: each event of requests, answers and sockets throws once, as its listener would, at the third
 * time that it comes. Tells each on stderr.
 */
const KINDS = [
  [IncomingMessage, 'request'],
  [ServerResponse, 'answer'],
  [Socket, 'socket'],
];
const counts = new Map();
const { emit } = EventEmitter.prototype;

EventEmitter.prototype.emit = function failing(event, ...args) {
  const kind = KINDS.find(([type]) => this instanceof type)?.[1];
  if (kind === undefined || this === process.stderr || this === process.stdout || this.listenerCount(event) === 0)
    return emit.call(this, event, ...args);
  const name = `${kind}.${String(event)}`;
  const count = (counts.get(name) ?? 0) + 1;
  counts.set(name, count);
  if (count !== 3) return emit.call(this, event, ...args);
  process.stderr.write(`thrown ${name}\n`);
  throw new Error(`thrown at ${name}`);
};
