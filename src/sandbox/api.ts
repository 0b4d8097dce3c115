import { Hono } from 'hono';
import { type Caller, type Identify, requireScope } from './caller.ts';
import type { Data } from './data.ts';
import { fileRoutes } from './files.ts';
import { callLimit } from './limit.ts';
import { messageRoutes } from './messages.ts';
import { answer, Refusal } from './refusal.ts';
import { ticketRoutes } from './tickets.ts';

export type ApiEnv = { Variables: { caller: Caller } };

export type ApiCall = {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Absent when the caller was not recognised. */
  readonly person?: string;
  readonly status: number;
  /** Milliseconds since 1970. */
  readonly at: number;
};

export type ApiOptions = {
  readonly data: Data;
  readonly identify: Identify;
  readonly callsPerMinute: number;
  /** Told of each call once it is answered. */
  readonly onCall: (call: ApiCall) => void;
};

const SECRET_HEADERS = new Set(['authorization', 'proxy-authorization', 'cookie', 'x-api-key']);

/** The sandbox's resource API. Each route sees the rows of the caller and of nobody else. */
export function resourceApi({ data, identify, callsPerMinute, onCall }: ApiOptions): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>().basePath('/api/v1');
  const countCall = callLimit(callsPerMinute);

  app.use(async (c, next) => {
    const at = Date.now();
    await next();
    const caller: Caller | undefined = c.get('caller');
    const who = caller ? { person: caller.person.id } : {};
    onCall({ method: c.req.method, path: c.req.path, ...who, status: c.res.status, at });
  });

  app.use(async (c, next) => {
    const caller = await identify({ authorization: c.req.header('authorization'), apiKey: c.req.header('x-api-key') });
    c.set('caller', caller);
    for (const [name, value] of Object.entries(countCall(caller.person.id))) c.header(name, value);
    requireScope(caller, c.req.method === 'GET' ? 'read' : 'write');
    await next();
  });

  app.get('/me', (c) => c.json(c.get('caller').person));
  app.route('/tickets', ticketRoutes(data));
  app.route('/messages', messageRoutes(data));
  app.route('/files', fileRoutes(data));

  // Shows what arrived, so that one can see what a client sends.
  app.get('/echo', (c) => {
    const headers = Object.entries(c.req.header()).map(([name, value]) => [name, masked(name, value)]);
    return c.json({ method: c.req.method, query: c.req.queries(), headers: Object.fromEntries(headers) });
  });

  // Some APIs report failure with HTTP 200: this one does so on demand.
  app.get('/status', (c) => c.json(c.req.query('fail') === '1' ? { ok: false, error: 'maintenance' } : { ok: true }));

  app.onError((error, c) => {
    if (error instanceof Refusal) return answer(c, error);
    return c.json({ error: { code: 'internal', message: 'the sandbox failed' } }, 500);
  });
  return app;
}

function masked(name: string, value: string): string {
  if (!SECRET_HEADERS.has(name)) return value;
  const [scheme, rest] = value.split(' ', 2);
  return rest === undefined ? '***' : `${scheme} ***`;
}
