import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { sendChallenged } from '../../src/execute/challenge.ts';
import type { HttpResponse } from '../../src/network/send.ts';
import { type DigestRealm, digestRealm } from '../auth/verify.ts';
import { connectorOf, failureOf, openStage, type Provider, reading, startProvider, things } from './stage.ts';

let provider: Provider;

beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());

let people = 0;

/** An account of its own at an API that asks for Digest. The credential that is stored cannot be renewed. */
async function setUp(realm: Partial<DigestRealm> = {}, input: Record<string, unknown> = {}) {
  people += 1;
  const username = `ada ${people}`;
  const check = digestRealm({ username, password: 'p"ä:ss', algorithm: 'SHA-256', ...realm });
  provider.answer((request) => {
    const verdict = check(request);
    if (verdict !== true) return { status: 401, headers: { 'www-authenticate': verdict } };
    if (request.url.pathname === '/moved') return { status: 307, headers: { location: '/thing' } };
    return { body: { got: `${request.body}` } };
  });
  const file = "{{ { name: 'a.bin', mimeType: 'x/y', base64: 'AAEC/w==' } }}";
  const connector = connectorOf({
    server: { baseUrl: provider.origin },
    auth: { options: { it: { title: 'It', type: 'digest' } } },
    entities: things({
      get: { ...reading, request: { path: '/thing', query: { q: 'a b/ü' } } },
      post: { ...reading, effect: 'create', request: { method: 'POST', path: '/thing', json: { name: 'ü' } } },
      upload: {
        ...reading,
        effect: 'create',
        request: { method: 'POST', path: '/thing', multipart: [{ name: 'f', file }] },
      },
      moved: {
        ...reading,
        effect: 'create',
        request: { method: 'POST', path: '/moved', json: {}, followRedirects: true },
      },
    }),
  });
  const stage = await openStage([connector]);
  onTestFinished(() => stage.close());
  await stage.link('sample', { input: { username, password: 'p"ä:ss', ...input } });
  provider.seen.length = 0;
  return stage;
}

const counts = () => provider.seen.map((it) => /nc=(\w+)/.exec(String(it.headers.authorization))?.[1]);

describe('HTTP Digest', () => {
  it.each(['MD5', 'SHA-256'] as const)(
    'with %s asks once for a challenge, and counts on from there',
    async (algorithm) => {
      const stage = await setUp({ algorithm });
      for (let i = 0; i < 3; i++) await stage.call('things.get');
      expect(counts()).toEqual([undefined, '00000001', '00000002', '00000003']);
    },
  );

  it('sends a write again that was not authenticated, with the same body, and only then', async () => {
    const stage = await setUp();
    expect((await stage.call('things.post')).data).toEqual({ got: '{"name":"ü"}' });
    expect(JSON.stringify((await stage.call('things.upload')).data)).toContain('a.bin');
    expect(counts()).toEqual([undefined, '00000001', '00000002']);
  });

  it('takes up the new challenge when the nonce has become stale', async () => {
    const stage = await setUp({ uses: 2 });
    for (let i = 0; i < 4; i++) await stage.call('things.post');
    expect(counts()).toEqual([undefined, '00000001', '00000002', '00000003', '00000001', '00000002']);
  });

  it('never uses one count twice, also for requests at one time and behind a redirect', async () => {
    const stage = await setUp();
    await stage.call('things.get');
    provider.seen.length = 0;
    await Promise.all([...Array(8)].map((_, i) => stage.call(i % 2 ? 'things.moved' : 'things.get')));
    expect(new Set(counts()).size).toBe(12);
    expect(provider.seen).toHaveLength(12);
  });

  it('tells a wrong password after one try for each call, and asks for no refresh', async () => {
    const stage = await setUp({}, { password: 'wrong' });
    for (let i = 0; i < 2; i++) expect((await failureOf(stage.call('things.post'))).code).toBe('token_rejected');
    expect(counts()).toEqual([undefined, '00000001', undefined, '00000001']);
  });

  it('is not shared by two accounts at one host', async () => {
    const first = await setUp();
    await first.call('things.get');
    const second = await setUp();
    await second.call('things.get');
    expect(counts()).toEqual([undefined, '00000001']);
  });

  it('leaves a 401 that asks for something else alone', async () => {
    const stage = await setUp();
    for (const asked of ['Basic realm="x"', 'Digest realm="x", nonce="n", algorithm=SHA-1', 'Bearer']) {
      provider.seen.length = 0;
      provider.answer(() => ({ status: 401, headers: { 'www-authenticate': asked } }));
      expect((await failureOf(stage.call('things.get'))).code).toBe('token_rejected');
      expect(counts()).toEqual([undefined]);
    }
  });
});

describe('sendChallenged', () => {
  const canAnswer = () => true;
  const answer = (status: number, origin: string, text?: string): HttpResponse => ({
    status,
    headers: text === undefined ? {} : { 'www-authenticate': text },
    bytes: new Uint8Array(),
    url: new URL(`${origin}/x`),
  });

  it('answers nothing that another origin asks', async () => {
    let sent = 0;
    const send = async () => {
      sent += 1;
      return answer(401, 'https://other.example', 'Digest nonce="n"');
    };
    const { status } = await sendChallenged({ of: 'a', origin: 'https://api.example', canAnswer, send });
    expect([status, sent]).toEqual([401, 1]);
  });

  it('knows a bounded number of challenges', async () => {
    const origin = 'https://many.example';
    const ask = async (of: string): Promise<number> => {
      let first = true;
      let count = 0;
      await sendChallenged({
        of,
        origin,
        canAnswer,
        send: async (next) => {
          count = next()?.count ?? 0;
          const status = first && count === 0 ? 401 : 200;
          first = false;
          return answer(status, origin, 'Digest nonce="n"');
        },
      });
      return count;
    };
    expect([await ask('0'), await ask('0')]).toEqual([1, 2]);
    for (let i = 1; i <= 1_000; i++) await ask(String(i));
    expect([await ask('1000'), await ask('0')]).toEqual([2, 1]);
  });
});
