import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A line to a server that can be held and cut. */
export type Proxy = {
  /** The URL, by way of the proxy. */
  readonly url: string;
  /** What clients sent. */
  readonly seen: () => string;
  /** From now on nothing comes back, though everything arrives. */
  hold(): void;
  /** Ends all connections; new ones are not held. */
  cut(): void;
  readonly connections: () => number;
};

/** Stands before the server of the URL until the end of the test; without one it only listens. */
export async function startProxy(target: URL, isMute = false): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let isHeld = isMute;
  let seen = '';
  const track = (socket: Socket): Socket => {
    sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)));
    return socket;
  };
  const server = createServer((client) => {
    track(client).on('data', (data) => {
      seen += data.toString('latin1');
    });
    if (isMute) return;
    const upstream = track(connect(Number(target.port), target.hostname));
    client.pipe(upstream);
    upstream.on('data', (data) => {
      if (!isHeld) client.write(data);
    });
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const cut = () => {
    isHeld = isMute;
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(() => {
    cut();
    server.close();
  });
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    seen: () => seen,
    hold: () => {
      isHeld = true;
    },
    cut,
    connections: () => sockets.size,
  };
}
