import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import {
  connectorOf,
  failureOf,
  openStage,
  type Provider,
  reading,
  type Stage,
  sandboxConnector,
  startProvider,
  TOKEN,
  things,
} from './stage.ts';

const quick = { retry: { backoff: { initial: '1ms', max: '5ms' } } };
const writing = { ...reading, ...quick, effect: 'create', request: { method: 'POST', path: '/thing', json: { a: 1 } } };

let provider: Provider;
let stage: Stage;
/** Waits 50 ms for an answer. */
let hasty: Stage;

beforeAll(async () => {
  provider = await startProvider();
});

beforeEach(async () => {
  const entities = things({
    get: { ...reading, ...quick, request: { path: '/thing' } },
    create: writing,
    update: { ...writing, effect: 'update' },
    put: { ...writing, effect: 'idempotent' },
    search: { ...writing, effect: 'read' },
  });
  const open = (timeouts: object) =>
    openStage([connectorOf({ server: { baseUrl: provider.origin, timeouts }, entities })]);
  stage = await open({});
  hasty = await open({ read: '50ms' });
  provider.answer(() => ({ body: {} }));
  await stage.link('sample');
  await hasty.link('sample');
  provider.seen.length = 0;
});

afterEach(() => Promise.all([stage.close(), hasty.close()]));
afterAll(() => provider.close());

/** Answers with these statuses in turn, then always with the last one. */
function answerWith(statuses: readonly number[], headers: Record<string, string> = {}): void {
  provider.answer(() => {
    const status = statuses[provider.seen.length - 1] ?? statuses.at(-1) ?? 200;
    return { status, headers: status < 300 ? {} : headers, body: { count: provider.seen.length } };
  });
}

describe('a failure that passes', () => {
  it.each([
    ['get', [503, 503, 200], {}, 3, 'ok'],
    ['get', [429, 200], { 'retry-after': '0' }, 2, 'ok'],
    ['get', [503, 503, 503, 200], {}, 3, 'upstream_failed'],
    ['get', [500, 200], {}, 1, 'upstream_failed'],
    ['get', [404, 200], {}, 1, 'not_found'],
    ['search', [502, 200], {}, 2, 'ok'],
    ['put', [504, 200], {}, 2, 'ok'],
    // A write is sent again only when the answer says that it was not done.
    ['create', [500, 200], {}, 1, 'outcome_unknown'],
    ['create', [503, 200], {}, 1, 'outcome_unknown'],
    ['create', [502, 200], {}, 1, 'outcome_unknown'],
    ['create', [504, 200], {}, 1, 'outcome_unknown'],
    ['create', [501, 200], {}, 1, 'upstream_failed'],
    ['put', [500, 200], {}, 1, 'upstream_failed'],
    ['create', [503, 200], { 'retry-after': '0' }, 1, 'outcome_unknown'],
    ['put', [503, 200], { 'retry-after': '0' }, 2, 'ok'],
    ['create', [429, 200], { 'retry-after': '0' }, 2, 'ok'],
    ['create', [429, 200], {}, 1, 'rate_limited'],
    ['update', [503, 200], {}, 1, 'outcome_unknown'],
    ['update', [503, 200], { 'retry-after': '0' }, 1, 'outcome_unknown'],
    // Longer than any call waits.
    ['get', [429, 200], { 'retry-after': '3600' }, 1, 'rate_limited'],
  ])('of %s with %j and %j is sent %i times and ends as %s', async (action, statuses, headers, sent, outcome) => {
    answerWith(statuses, headers);
    await stage.call(`things.${action}`).catch(() => {});
    expect(provider.seen).toHaveLength(sent);
    expect(stage.audit.at(-1)?.outcome).toBe(outcome);
  });

  it('tells when to come back', async () => {
    answerWith([429], { 'retry-after': '3600' });
    expect(await failureOf(stage.call('things.get'))).toMatchObject({ code: 'rate_limited', retryAfter: 3_600 });
    answerWith([503], { 'retry-after': '3600' });
    const other = await stage.link('sample', { identifier: 'other' });
    const call = stage.call('things.get', {}, { identifier: other.identifier });
    expect(await failureOf(call)).toMatchObject({ code: 'upstream_failed', retryAfter: 3_600 });
  });
});

describe('a request whose answer is lost', () => {
  const losses = {
    reset: () => provider.answer((_, response) => void response.socket?.resetAndDestroy()),
    cut: () =>
      provider.answer((_, response) => {
        response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy());
        return undefined;
      }),
    late: () => provider.answer(() => undefined),
    damaged: () => provider.answer(() => ({ headers: { 'content-encoding': 'gzip' }, text: 'no gzip' })),
    broken: () => provider.answer(() => ({ headers: { 'content-type': 'application/json' }, text: '{"id":' })),
    page: () => provider.answer(() => ({ headers: { 'content-type': 'text/html' }, text: '<html>' })),
  };

  const patience = (loss: keyof typeof losses) => (loss === 'late' ? hasty : stage);

  it.each(['reset', 'cut', 'late', 'damaged', 'broken', 'page'] as const)(
    'may have been done when it was a write: %s',
    async (loss) => {
      for (const action of ['create', 'update']) {
        losses[loss]();
        provider.seen.length = 0;
        const error = await failureOf(patience(loss).call(`things.${action}`));
        expect(error).toMatchObject({
          code: 'outcome_unknown',
          hint: 'Look whether it was done before doing it again.',
        });
        expect(provider.seen).toHaveLength(1);
      }
    },
  );

  it.each([
    ['reset', 3, 'upstream_unreachable'],
    ['cut', 3, 'upstream_unreachable'],
    ['late', 3, 'upstream_timeout'],
    ['damaged', 1, 'upstream_invalid'],
    ['broken', 1, 'upstream_invalid'],
    ['page', 1, 'upstream_invalid'],
  ] as const)('is sent again when it can be: %s', async (loss, sent, code) => {
    for (const action of ['get', 'put']) {
      losses[loss]();
      provider.seen.length = 0;
      expect((await failureOf(patience(loss).call(`things.${action}`))).code).toBe(code);
      expect(provider.seen).toHaveLength(sent);
    }
  });

  it('is not sent again where a second try could not get the same time', async () => {
    const timeouts = { read: '300ms', total: '500ms' };
    const entities = things({ get: { ...reading, ...quick, request: { path: '/thing' } } });
    const other = await openStage([connectorOf({ server: { baseUrl: provider.origin, timeouts }, entities })]);
    try {
      await other.link('sample');
      provider.seen.length = 0;
      losses.late();
      expect(await failureOf(other.call('things.get'))).toMatchObject({
        code: 'upstream_timeout',
        hint: expect.stringContaining('Try again in a while'),
      });
      expect(provider.seen).toHaveLength(1);
    } finally {
      await other.close();
    }
  });

  it('was certainly not done when nobody listened', async () => {
    const gone = await startProvider();
    await gone.close();
    const connector = connectorOf({
      server: { baseUrl: '{{ input.base }}' },
      auth: {
        options: {
          key: {
            title: 'Key',
            type: 'api_key',
            name: 'X-Key',
            ui: {
              schema: {
                type: 'object',
                properties: { apiKey: { type: 'string', secret: true }, base: { type: 'string' } },
              },
            },
          },
        },
      },
      entities: things({ create: writing }),
    });
    const other = await openStage([connector]);
    try {
      await other.link('sample', { input: { apiKey: TOKEN, base: gone.origin } });
      expect((await failureOf(other.call('things.create'))).code).toBe('upstream_unreachable');
    } finally {
      await other.close();
    }
  });
});

describe('a 401', () => {
  it('of a credential that cannot be refreshed is the error, after one request', async () => {
    answerWith([401, 200]);
    const error = await failureOf(stage.call('things.get'));
    expect(error).toMatchObject({ code: 'token_rejected', message: expect.stringContaining('401') });
    expect(provider.seen).toHaveLength(1);
  });

  const oauth = {
    auth: {
      options: {
        client: {
          title: 'Client',
          type: 'oauth2',
          grant: 'client_credentials',
          methods: {
            getOAuthConfig: {
              mapping: { clientId: 'c', clientSecret: '{{ app.clientSecret }}', tokenUri: '{{ app.baseUrl }}/token' },
            },
          },
        },
      },
    },
  };

  async function withOAuth(
    accepts: (token: string) => boolean,
    work: (call: Stage['call'], calls: () => string[]) => Promise<void>,
    { seconds = 3_600, slowMs = 0 } = {},
  ) {
    let tokens = 0;
    provider.answer(async ({ path, headers }) => {
      if (path === '/token') {
        tokens += 1;
        return { body: { access_token: `access-token-${tokens}`, token_type: 'Bearer', expires_in: seconds } };
      }
      await sleep(slowMs);
      const token = headers.authorization?.replace('Bearer ', '') ?? '';
      return accepts(token) ? { body: { token: 'accepted' } } : { status: 401, body: { message: `not ${token}` } };
    });
    const connector = connectorOf({
      ...oauth,
      server: { baseUrl: '{{ app.baseUrl }}' },
      entities: things({ get: { ...reading, request: { path: '/thing' } }, create: writing }),
    });
    const other = await openStage([connector], { app: { baseUrl: provider.origin, clientSecret: 'client-secret' } });
    try {
      await other.link('sample', { input: {} });
      provider.seen.length = 0;
      await work(other.call, () =>
        provider.seen.map((it) => `${it.path} ${it.headers.authorization?.slice(-1) ?? ''}`),
      );
    } finally {
      await other.close();
    }
  }

  it.each(['get', 'create'])('brings one refresh and one more %s', async (action) => {
    await withOAuth(
      (token) => token !== 'access-token-1',
      async (call, calls) => {
        expect((await call(`things.${action}`)).data).toEqual({ token: 'accepted' });
        expect(calls().filter((it) => it.startsWith('/token'))).toHaveLength(1); // the first one came with the connect
        expect(calls().filter((it) => it.startsWith('/thing'))).toEqual(['/thing 1', '/thing 2']);
      },
    );
  });

  it('of a token that ran out during a slow answer brings one more refresh', async () => {
    await withOAuth(
      (token) => token === 'access-token-3',
      async (call, calls) => {
        expect((await call('things.get')).data).toEqual({ token: 'accepted' });
        expect(calls().filter((it) => it.startsWith('/thing'))).toEqual(['/thing 1', '/thing 2', '/thing 3']);
      },
      { seconds: 0.2, slowMs: 300 },
    );
  });

  it('of tokens that never last as long as an answer takes asks for no new connect', async () => {
    await withOAuth(
      () => false,
      async (call, calls) => {
        const error = await failureOf(call('things.get'));
        expect(error).toMatchObject({ code: 'token_rejected', message: expect.stringContaining('it ran out before') });
        expect(error.hint).not.toMatch(/[Cc]onnect/);
        expect(calls().filter((it) => it.startsWith('/thing'))).toHaveLength(3);
      },
      { seconds: 0.2, slowMs: 300 },
    );
  });

  it('that stays is the error, and tells no token', async () => {
    await withOAuth(
      () => false,
      async (call, calls) => {
        const error = await failureOf(call('things.get'));
        expect(error).toMatchObject({ code: 'token_rejected', message: 'the provider answered 401: not [secret]' });
        expect(calls().filter((it) => it.startsWith('/thing'))).toEqual(['/thing 1', '/thing 2']);
      },
    );
  });

  it('of the sandbox is overcome without the caller', async () => {
    const { url, clientId, clientSecret, ...sandbox } = await startSandbox();
    const other = await openStage([await sandboxConnector()], { app: { baseUrl: url, clientId, clientSecret } });
    try {
      await other.link('sandbox', { option: 'client', input: {} });
      sandbox.expireAccessTokens();
      const before = sandbox.observed.tokenRequests.length;
      expect((await other.call('profile.get')).data).toMatchObject({ id: 'application' });
      expect(sandbox.observed.tokenRequests).toHaveLength(before + 1);
      expect(sandbox.observed.apiCalls.slice(-2).map((it) => it.status)).toEqual([401, 200]);
    } finally {
      await other.close();
      await sandbox.close();
    }
  });
});

describe('hosts', () => {
  const upload = (url: string) => ({ get: { ...reading, request: { url } } });

  it.each([
    ['host and port', (host: string) => host],
    ['an address', (host: string) => `http://${host}/any/path`],
    ['capitals', (host: string) => host.toUpperCase()],
  ])('beside the base URL may be declared as %s', async (_, written) => {
    const files = await startProvider();
    const local = files.host.replace('127.0.0.1', 'localhost');
    const connector = connectorOf({
      server: { baseUrl: provider.origin, allowHosts: [written(local)] },
      entities: things(upload(`http://${local}/x`)),
    });
    const other = await openStage([connector], { allowPrivate: ['127.0.0.1', 'localhost'] });
    try {
      await other.link('sample');
      await other.call('things.get');
      expect(files.seen.map((it) => it.path)).toEqual(['/x']);
    } finally {
      await other.close();
      await files.close();
    }
  });

  it('that are not declared get nothing', async () => {
    const files = await startProvider();
    const other = await openStage([
      connectorOf({
        server: { baseUrl: provider.origin },
        entities: things({
          get: {
            ...reading,
            params: { type: 'object', properties: { url: { type: 'string' } } },
            request: { url: '{{ args.url }}' },
          },
        }),
      }),
    ]);
    try {
      await other.link('sample');
      const { host } = files;
      for (const url of [
        files.origin,
        `${files.origin}#@${provider.host}`,
        `http://${host}\\@${provider.host}/`,
        `${files.origin}#@${provider.host}`,
      ]) {
        expect((await failureOf(other.call('things.get', { url }))).code).toBe('target_forbidden');
      }
      expect(files.seen).toEqual([]);
    } finally {
      await other.close();
      await files.close();
    }
  });
});
