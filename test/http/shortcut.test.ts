import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectAccount } from '../../src/execute/connect.ts';
import { principalOf } from '../../src/http/caller.ts';
import type { Limits } from '../../src/http/context.ts';
import type { Principal } from '../../src/integration/principal.ts';
import { findUser } from '../../src/integration/user.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { log } from '../../src/log.ts';
import { until } from '../e2e/program.ts';
import { type Provider, startProvider } from '../execute/stage.ts';
import { ENVELOPE, OPENS_URLS, parityConnectors } from '../mcp/paritycases.ts';
import { type Came, openParity, type ParityStage, type Sent } from './paritystage.ts';
import { type HttpStage, openHttpStage, type Tenant } from './stage.ts';

let provider: Provider;
let stage: HttpStage;
let parity: ParityStage;
let acme: Tenant;

beforeAll(async () => {
  provider = await startProvider();
  stage = await openHttpStage({ connectors: parityConnectors(provider) });
  parity = await openParity(stage);
  acme = await stage.tenant();
});
beforeEach(() =>
  provider.answer(({ headers }) => ({ body: { owner: /^Bearer (\w+)-token/.exec(headers.authorization ?? '')?.[1] } })),
);
afterAll(async () => {
  await parity.close();
  await stage.close();
  await provider.close();
});

type Person = { readonly id: string; readonly identifier: string; readonly token: string; readonly who: Principal };
let count = 0;

/** Somebody with an account whose token at the provider names them. */
async function person(): Promise<Person> {
  count += 1;
  const identifier = `person${count}`;
  const user = await stage.user(acme, identifier);
  const found = await findUser(stage.keystore, acme.organization, identifier);
  if (!found) throw new Error('nobody');
  const who = principalOf(found);
  const input = { token: `${identifier}-token-0123456789` };
  await connectAccount(stage.engine, who, { connector: 'sample', identifier: 'main', input });
  return { ...user, who };
}

type Asked = { readonly name?: string; readonly params?: object; readonly meta?: object | undefined };

/** A request of today, or of 2025 without `meta`. */
function ask(token: string, { name, params = {}, meta = ENVELOPE }: Asked): Sent {
  const method = name === undefined ? 'tools/list' : 'tools/call';
  const headers: [string, string][] = [
    ['authorization', `Bearer ${token}`],
    ['content-type', 'application/json'],
    ['accept', 'application/json, text/event-stream'],
    ['mcp-protocol-version', '2026-07-28'],
    ['mcp-method', method],
  ];
  if (name !== undefined) headers.push(['mcp-name', name]);
  const body = { jsonrpc: '2.0', id: 1, method, params: { ...(name && { name }), ...params, _meta: meta } };
  return { headers, body: JSON.stringify(body) };
}

function ofBefore(token: string, name: string): Sent {
  const { headers } = ask(token, {});
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } };
  return { headers: headers.filter(([it]) => !it.startsWith('mcp-')), body: JSON.stringify(body) };
}

const GET = { name: 'sample_things_get' };

/** Has the short way learn the words, of whomever they are. */
async function learn(request: Sent): Promise<void> {
  await parity.send('short', request);
  const before = parity.taken();
  expect((await parity.send('short', request)).status).toBe(200);
  expect(parity.taken()).toBe(before + 1);
}

/** The answer, which is the same both ways. */
async function same(request: Sent): Promise<Came> {
  const [short, long] = [await parity.send('short', request), await parity.send('long', request)];
  expect(short).toEqual(long);
  return short;
}

describe('words that were served before', () => {
  it('give everybody what is theirs', async () => {
    const [ada, eve] = [await person(), await person()];
    await learn(ask(ada.token, GET));
    await learn(ask(ada.token, {}));
    const before = parity.taken();
    expect((await same(ask(eve.token, GET))).body).toContain(`"owner":"${eve.identifier}"`);
    expect((await same(ask(ada.token, GET))).body).toContain(`"owner":"${ada.identifier}"`);
    const nobody = await stage.user(acme, 'nobody');
    expect((await same(ask(nobody.token, GET))).body).toContain('integration_required');
    expect((await same(ask(ada.token, {}))).body).toContain('main (default)');
    expect((await same(ask(nobody.token, {}))).body).not.toContain('main (default)');
    expect(parity.taken()).toBe(before + 5);
  });

  it('serve nobody whose token has ended', async () => {
    const ada = await person();
    const made = await stage.request('POST', '/tokens', { as: ada.token, body: { name: 'x', scopes: ['read'] } });
    const request = ask(made.body.token, GET);
    await learn(request);
    await stage.request('DELETE', `/tokens/${made.body.id}`, { as: ada.token });
    expect((await same(request)).status).toBe(401);
  });

  it('serve nobody who was disabled', async () => {
    const ada = await person();
    const request = ask(ada.token, GET);
    await learn(request);
    await stage.request('PATCH', `/users/${ada.id}`, { as: acme, body: { disabled: true } });
    expect((await same(request)).status).toBe(401);
  });

  it('do not reach an account that was removed', async () => {
    const ada = await person();
    const request = ask(ada.token, GET);
    await learn(request);
    const { body } = await stage.request('GET', '/integrations/connectors', { as: ada.token });
    await stage.request('DELETE', `/integrations/connectors/${body.data[0].id}`, { as: ada.token });
    expect((await same(request)).body).toContain('integration_required');
  });

  it('do no more than a token may', async () => {
    const ada = await person();
    const create = { name: 'sample_things_create' };
    await learn(ask(ada.token, create));
    const made = await stage.request('POST', '/tokens', { as: ada.token, body: { name: 'x', scopes: ['read'] } });
    const refused = await same(ask(made.body.token, create));
    expect(refused.status).toBe(403);
    expect(refused.headers['www-authenticate']).toContain('insufficient_scope');
    await learn(ask(ada.token, {}));
    expect((await same(ask(made.body.token, {}))).body).not.toContain('sample_things_create');
  });

  it('are not those that were refused', async () => {
    const ada = await person();
    const wrong = { ...ENVELOPE, 'io.modelcontextprotocol/clientCapabilities': [] };
    const before = parity.taken();
    for (let i = 0; i < 3; i++) expect((await same(ask(ada.token, { ...GET, meta: wrong }))).status).toBe(400);
    expect(parity.taken()).toBe(before);
  });
});

describe('what goes wrong within', () => {
  afterEach(() => vi.restoreAllMocks());

  it('is answered with the same status: accounts that cannot be read', async () => {
    const logged = vi.spyOn(log, 'error').mockReturnValue();
    const ada = await person();
    const requests = [ask(ada.token, {}), ask(ada.token, GET), ofBefore(ada.token, GET.name)];
    for (const it of requests) await learn(it);
    const key = storeKey('integrations', ada.who.organization, ada.who.user, 'sample');
    expect(await stage.keystore.read(key)).toBeDefined();
    await stage.keystore.write(key, 'no accounts');
    const answers = [];
    for (const it of requests) answers.push(await same(it));
    expect(answers.map((it) => it.body)).toEqual([
      expect.stringContaining('-32603'),
      expect.stringContaining('reference'),
      expect.stringContaining('reference'),
    ]);
    expect(logged).toHaveBeenCalledTimes(6);
  });
});

describe('an input that is asked for', () => {
  it('is the same, and comes back the long way', async () => {
    const ada = await person();
    const meta = { ...ENVELOPE, 'io.modelcontextprotocol/clientCapabilities': OPENS_URLS };
    await learn(ask(ada.token, { name: 'sample_things_get', meta }));
    const spare = { name: 'spare_things_get', meta };
    // In its own words only the tool differs, which a header says as well.
    await same(ask(ada.token, spare));
    expect((await same(ask(ada.token, spare))).body).toContain('"input_required"');
    const before = parity.taken();
    const state = { requestState: 'x', inputResponses: { link: { action: 'accept' } } };
    expect((await same(ask(ada.token, { ...spare, params: state }))).body).toContain('invalid_request_state');
    expect(parity.taken()).toBe(before);
  });
});

describe('limits', () => {
  async function withLimits(limits: Partial<Limits>, work: (it: ParityStage) => Promise<void>): Promise<void> {
    const limited = await openParity(stage, limits);
    await work(limited).finally(() => limited.close());
  }

  it('count what comes either way', () =>
    withLimits({ requests: 4 }, async (it) => {
      const ada = await person();
      const statuses = async (way: 'long' | 'short') => {
        const all = [];
        for (let i = 0; i < 6; i++) all.push((await it.send(way, ask(ada.token, GET))).status);
        return all;
      };
      expect(await statuses('long')).toEqual([200, 200, 200, 200, 429, 429]);
      expect(await statuses('short')).toEqual([200, 200, 200, 200, 429, 429]);
      expect(it.taken()).toBe(3);
    }));

  it('keep out what was wrong too often, also in words that were served before, and nothing else', () =>
    withLimits({ failures: 2 }, async (it) => {
      const ada = await person();
      const answers: number[][] = [];
      for (const way of ['long', 'short'] as const) {
        const statuses: number[] = [];
        for (const token of [ada.token, ada.token, 'pat-a-b', 'pat-a-b', 'pat-a-b', ada.token]) {
          statuses.push((await it.send(way, ask(token, GET))).status);
        }
        answers.push(statuses);
      }
      expect(answers[0]).toEqual([200, 200, 401, 401, 429, 200]);
      expect(answers[1]).toEqual(answers[0]);
    }));

  it('are those of the body, too', () =>
    withLimits({ body: 1_000 }, async (it) => {
      const ada = await person();
      const large = ask(ada.token, { ...GET, params: { arguments: { ['x'.repeat(1_000)]: 1 } } });
      await it.send('short', ask(ada.token, GET));
      const [long, short] = [await it.send('long', large), await it.send('short', large)];
      expect(long.status).toBe(413);
      expect(short).toEqual(long);
    }));
});

describe('a client that goes away', () => {
  const eras = ['today', '2025'] as const;
  it.each(eras.flatMap((of) => (['short', 'first', 'long'] as const).map((way) => ({ way, of }))))(
    'ends the call: $way way, of $of',
    async ({ way, of }) => {
      const ada = await person();
      const request = of === 'today' ? ask(ada.token, GET) : ofBefore(ada.token, GET.name);
      await learn(request);
      // Of words that the server behind the short way has not seen yet.
      if (way === 'first')
        (request.headers as unknown[])[2] = ['accept', 'application/json, text/event-stream, text/x-new'] as never;
      const before = parity.taken();
      const gone = new Promise<unknown>((resolve) => {
        provider.answer((_, response) => {
          resolve(once(response, 'close'));
          socket.destroy();
          return undefined;
        });
      });
      const socket = connectSocket(parity.ports[way === 'long' ? 'long' : 'short'], '127.0.0.1');
      await once(socket, 'connect');
      const all = [...request.headers, ['host', '127.0.0.1'], ['content-length', String(request.body.length)]];
      socket.write(`POST /mcp HTTP/1.1\r\n${all.map((it) => it.join(': ')).join('\r\n')}\r\n\r\n${request.body}`);
      await gone;
      await until(() => stage.audit.at(-1)?.outcome === 'canceled');
      expect(parity.taken() - before).toBe(way === 'short' ? 1 : 0);
    },
  );
});
