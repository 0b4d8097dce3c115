import type { MiddlewareHandler } from 'hono';
import { wasNotDone } from '../errors.ts';
import { once } from '../execute/once.ts';
import type { Backend, Caller, Env } from './context.ts';

type Answer = { readonly status: number; readonly contentType: string; readonly body: string };

/**
 * Makes a POST with the header `Idempotency-Key` happen once (draft-ietf-httpapi-idempotency-key-header): the same
 * request again within a day gets the same answer, another one under that key is refused. Calls of actions take their key
 * along instead, as those of MCP do.
 */
export function idempotent({ engine }: Backend): MiddlewareHandler<Env> {
  return async (context, next) => {
    const key = context.req.method === 'POST' ? context.req.header('idempotency-key') : undefined;
    if (key === undefined) return next();
    const caller = callerOf(context.get('caller'));
    const request = `${new URL(context.req.url).pathname}\n${await context.req.text()}`;
    let isRefused = false;
    const { result, isReplayed } = await once<Answer>(
      engine.keystore,
      { caller, key, request },
      {
        async run() {
          await next();
          const { error } = context;
          isRefused = error !== undefined && wasNotDone(error);
          if (error && !isRefused) throw error;
          const { status, headers } = context.res;
          const body = await context.res.clone().text();
          return { status, contentType: headers.get('content-type') ?? 'application/json', body };
        },
        keep: (answer) => (isRefused ? undefined : answer),
        recall: (kept: Answer) => kept,
      },
    );
    if (!isReplayed) return undefined;
    const headers = { 'content-type': result.contentType, 'idempotency-replayed': 'true', 'cache-control': 'no-store' };
    context.res = new Response(result.body, { status: result.status, headers });
    return undefined;
  };
}

const callerOf = (caller: Caller): readonly string[] => [
  'request',
  caller.organization,
  caller.kind === 'client' ? caller.key.id : caller.user.id,
];
