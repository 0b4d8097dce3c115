import { Agent, request as httpRequest } from 'node:http';
import { httpApp } from '../../src/http/app.ts';
import { defaultLimits, type Limits } from '../../src/http/context.ts';
import { openGates } from '../../src/http/gates.ts';
import { type Listening, listen, webListener } from '../../src/http/listen.ts';
import { mcpShortcut } from '../../src/http/shortcut.ts';
import { withoutRandom } from '../mcp/paritycases.ts';
import type { HttpStage } from './stage.ts';

/** The headers of a request, in the order in which they are sent; a name may come twice. */
export type Sent = { readonly headers: readonly (readonly [string, string])[]; readonly body: string | Buffer };

export type Came = {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
};

/** The same server twice: as everybody reaches it, and without the short way. */
export type ParityStage = {
  send(way: 'long' | 'short', request: Sent): Promise<Came>;
  /** How many requests were answered by the short way. */
  taken(): number;
  readonly ports: { readonly long: number; readonly short: number };
  close(): Promise<void>;
};

export async function openParity(stage: HttpStage, limited: Partial<Limits> = {}): Promise<ParityStage> {
  const { engine, url } = stage;
  const { signingKeys } = engine;
  if (!signingKeys) throw new Error('no keys');
  const limits = { ...defaultLimits, requests: 100_000, failures: 100_000, ...limited };
  let taken = 0;
  const mcp = {
    ...stage.mcp,
    answerPlain: (...request: Parameters<typeof stage.mcp.answerPlain>) => {
      taken += 1;
      return stage.mcp.answerPlain(...request);
    },
  };
  const backend = { engine, signingKeys, url, limits, mcp };
  const serve = (isShort: boolean): Promise<Listening> => {
    const gates = openGates({ limits });
    const web = webListener(httpApp(backend, gates).fetch);
    return listen(isShort ? mcpShortcut(backend, gates, web) : web, { host: '127.0.0.1', port: 0 });
  };
  const [long, short] = await Promise.all([serve(false), serve(true)]);
  const agent = new Agent({ keepAlive: true });
  const ports = { long: long.port, short: short.port };
  return {
    ports,
    taken: () => taken,
    send: (way, { headers, body }) =>
      new Promise((resolve, reject) => {
        const all = [...headers, ['content-length', String(Buffer.byteLength(body))] as const];
        const names = all.map(([name]) => name);
        if (!names.includes('host')) all.unshift(['host', '127.0.0.1']);
        // A connection that is to close must not be the next one's.
        const over = names.includes('connection') ? false : agent;
        const where = { path: '/mcp', host: '127.0.0.1', port: ports[way], agent: over, setHost: false };
        const options = { method: 'POST', ...where };
        const sending = httpRequest({ ...options, headers: all.flat() as never }, (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.once('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            resolve({ status: incoming.statusCode ?? 0, headers: shared(incoming.headers), body: compared(text) });
          });
        });
        sending.once('error', reject);
        sending.end(body);
      }),
    async close() {
      agent.destroy();
      await Promise.all([long.close(), short.close()]);
    },
  };
}

/** Headers that are each answer's own. */
const OWN = [
  'x-request-id',
  'date',
  'ratelimit',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'mcp-session-id',
];

const shared = (headers: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN.includes(name)));

const compared = (body: string): string =>
  withoutRandom(body)
    .replace(/("request_id":")[^"]+/, '$1…')
    .replaceAll(/\(reference \w+\)/g, '(reference …)');
