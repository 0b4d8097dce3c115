import { createSocket, type RemoteInfo } from 'node:dgram';

/** What a name has: addresses by kind, or how its server fails. A name that is not there is `unknown`. */
export type Zone = Readonly<Record<string, Entry>>;
export type Entry =
  | {
      readonly a?: readonly string[];
      readonly aaaa?: readonly string[];
      readonly ttl?: number;
      readonly afterMs?: number;
    }
  | 'silent'
  | 'servfail';

export type NameServer = {
  /** As `Resolver.setServers` takes it. */
  readonly address: string;
  /** Names it was asked for, with the kind, in order. */
  readonly asked: string[];
  close(): void;
};

/** A name server on loopback (RFC 1035), whose zone may change. `*` stands for one label and more. */
export async function startNameServer(zone: () => Zone): Promise<NameServer> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (query, from) => {
    const { name, type, end } = question(query);
    asked.push(`${name} ${type === 1 ? 'A' : type === 28 ? 'AAAA' : type}`);
    const all = zone();
    const wild = Object.keys(all).find((it) => it.startsWith('*.') && name.endsWith(it.slice(1)));
    const entry = all[name] ?? (wild === undefined ? undefined : all[wild]);
    if (entry === 'silent') return;
    const known = typeof entry === 'object' ? entry : undefined;
    const addresses = (type === 1 ? known?.a : type === 28 ? known?.aaaa : undefined) ?? [];
    const code = entry === 'servfail' ? 2 : entry === undefined ? 3 : 0;
    const answer = reply(query.subarray(0, end), code, type, addresses, known?.ttl ?? 60);
    setTimeout(() => send(answer, from), known?.afterMs ?? 0);
  });
  let isOpen = true;
  const send = (answer: Buffer, { port, address }: RemoteInfo) => isOpen && socket.send(answer, port, address);
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    close() {
      isOpen = false;
      socket.close();
    },
  };
}

function question(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function reply(asked: Buffer, code: number, type: number, addresses: readonly string[], ttl: number): Buffer {
  const head = Buffer.from(asked);
  head.writeUInt16BE(0x8180 | code, 2);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  const records = addresses.map((it) => {
    const bytes = type === 1 ? it.split('.').map(Number) : it.split(':').flatMap(pair);
    const record = Buffer.alloc(12);
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(ttl, 6);
    record.writeUInt16BE(bytes.length, 10);
    return Buffer.concat([record, Buffer.from(bytes)]);
  });
  return Buffer.concat([head, ...records]);
}

/** Of an IPv6 address written out in full. */
const pair = (text: string): number[] => [Number.parseInt(text, 16) >> 8, Number.parseInt(text, 16) & 255];
