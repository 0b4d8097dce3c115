import { execFile, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ATTACK = fileURLToPath(new URL('attack.mjs', import.meta.url));

/** Of the API, in the namespace with a name server of its own. */
export const API_HOST = 'healthy.test';

/** Whether this process is in a namespace of its own, with the name server below as that of the system. */
export const isInside = process.env.ATTACK_INSIDE === '1';

/** Why there can be no namespace here; undefined where there can. */
export async function whyNoNamespace() {
  if (isInside) return undefined;
  try {
    await run('unshare', ['-m', '-n', 'true']);
    await run('ip', ['-V']);
    return undefined;
  } catch {
    return 'no network namespace can be made here (root, unshare and iproute2 are needed)';
  }
}

/** Runs one attack of this program in a network of its own, in which the system asks only our name server. */
export async function runInside(name) {
  const folder = await mkdtemp(join(tmpdir(), 'tieline-attack-dns-'));
  const file = join(folder, 'resolv.conf');
  await writeFile(file, 'nameserver 127.0.0.1\n');
  const script = 'ip link set lo up && mount --bind "$1" /etc/resolv.conf && exec "$2" "$3" --json --only "$4"';
  try {
    const child = spawn('unshare', ['-m', '-n', 'sh', '-c', script, 'sh', file, process.execPath, ATTACK, name], {
      env: { ...process.env, ATTACK_INSIDE: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    for await (const chunk of child.stdout) out += chunk;
    return JSON.parse(out).attacks[0];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Knows the API, and never answers for anybody else. */
export async function startNameServer() {
  const asked = new Map();
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const { name, type, end } = questionOf(query);
    asked.set(name, (asked.get(name) ?? 0) + 1);
    if (name !== API_HOST) return;
    const isAddress = type === 1;
    const head = Buffer.from(query.subarray(0, end));
    head.writeUInt16BE(0x8180, 2);
    head.writeUInt16BE(isAddress ? 1 : 0, 6);
    head.writeUInt16BE(0, 8);
    head.writeUInt16BE(0, 10);
    // A pointer to the name, type A, class IN, one second, four bytes: 127.0.0.1.
    const answer = isAddress ? Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]) : Buffer.alloc(0);
    socket.send(Buffer.concat([head, answer]), from.port, from.address);
  });
  await new Promise((resolve) => socket.bind(53, '127.0.0.1', resolve));
  return { asked, close: () => new Promise((resolve) => socket.close(resolve)) };
}

function questionOf(query) {
  const labels = [];
  let at = 12;
  for (let length = query[at]; length > 0; length = query[at]) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

export const DNS = [
  {
    name: 'names on a name server that never answers',
    before: '60 requests stopped all outgoing calls for over 140 s',
    bound: 'only those wait who asked for such a name',
    needsNamespace: true,
    async run({ server, mallory, api }) {
      const silent = (i) => `slow${i}.attacker.example`;
      const clients = Array.from({ length: 60 }, (_, i) =>
        server.send(`/authorize?client_id=https://${silent(i)}/c&response_type=code`, { timeoutMs: 30_000 }),
      );
      const accounts = Array.from({ length: 60 }, (_, i) =>
        server.rest('POST', '/integrations/connectors', {
          body: {
            customer_name: 'mallory',
            connector_type: 'target',
            name: `slow ${i}`,
            credentials: { token: 'a-token-of-no-use', base_url: `https://${silent(100 + i)}` },
          },
        }),
      );
      const began = performance.now();
      const path = `/integrations/connectors/${mallory.integration}/execute`;
      const times = [];
      const problems = [];
      while (performance.now() - began < 8_000) {
        const start = performance.now();
        const { status, text } = await server.rest('POST', path, { body: { entity: 'things', action: 'get' } });
        times.push(performance.now() - start);
        if (status !== 200) problems.push(`a call to ${api.origin}: ${text.slice(0, 150)}`);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      const answers = await Promise.all([...clients, ...accounts]);
      const statuses = {};
      for (const { status } of answers) statuses[status] = (statuses[status] ?? 0) + 1;
      const longest = Math.max(...times);
      if (longest > 2_000) problems.push(`a call to a healthy host took ${longest.toFixed(0)} ms`);
      return {
        text: `healthy calls within ${longest.toFixed(0)} ms, the others ${JSON.stringify(statuses)}`,
        problems,
      };
    },
  },
];
