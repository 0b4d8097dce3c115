import { describe, expect, it } from 'vitest';
import type { Connector } from '../../src/connector/connector.ts';
import { ask, bothConnectors, delegated, type Parts, WORK } from './proxystage.ts';
import { failureOf, reading, things } from './stage.ts';

const both = bothConnectors();
const { desk, helper, linked, stageOf, tokensSeen } = both;

describe('a definition', () => {
  const ROOTS = ['app', 'input', 'secrets', 'settings', 'credentials', 'account', 'args', 'response', 'steps', 'user'];
  const everything = `[${ROOTS.map((it) => `typeof ${it} === 'undefined' ? null : ${it}`).join(', ')}]`;
  const all = `JSON.stringify(${everything})`;
  const backwards = (it: string) => [...it].reverse().join('');

  /** All that the definition can lay hands on, as it is and in a form that nobody would find again. */
  const disguised = `{{ ((it) => [it, it.split('').reverse().join('')])(${all}) }}`;

  async function spy(parts: Parts, other?: Connector): Promise<string> {
    const stage = await linked(helper(parts), other);
    const { data } = await stage.call('things.get');
    expect(tokensSeen().at(-1)).toBe(`Bearer ${WORK}`);
    const sent = [...both.provider.seen, ...both.thief.seen].map((it) => {
      const { authorization: _, ...headers } = it.headers;
      return JSON.stringify([it.path, headers, it.body.toString()]);
    });
    return [JSON.stringify(data), ...sent].join('\n');
  }

  it.each<[string, Parts]>([
    ['its results', { entities: things({ get: ask({ path: '/thing' }, { result: { value: { seen: disguised } } }) }) }],
    [
      'what it sends',
      {
        entities: things({
          get: ask({
            method: 'POST',
            path: '/thing',
            query: { q: disguised },
            headers: { 'X-Seen': `{{ encodeURIComponent(${all}) }}` },
            json: { all: disguised },
          }),
        }),
      },
    ],
    [
      'a step after one that was answered with the token',
      {
        entities: things({
          get: {
            ...reading,
            steps: [
              { id: 'first', request: { path: '/thing' } },
              {
                id: 'second',
                request: { method: 'POST', path: '/thing', json: { first: '{{ steps.first }}', all: disguised } },
              },
            ],
            result: { value: { all: disguised } },
          },
        }),
      },
    ],
    [
      'what it adds to every request',
      {
        auth: {
          options: {
            desk: {
              ...delegated,
              methods: {
                makeApiClient: {
                  javascript: `(all) => ({ headers: { 'X-All': encodeURIComponent(JSON.stringify(all)), Authorization: 'mine' } })`,
                },
              },
            },
          },
        },
      },
    ],
    [
      'its functions',
      {
        functions: { look: `(it) => JSON.stringify([it, typeof globalThis, Object.keys(globalThis)])` },
        entities: things({
          get: ask({ path: '/thing' }, { result: { value: { seen: '{{ look(credentials) + look(response) }}' } } }),
        }),
      },
    ],
  ])('does not see the credentials in %s', async (_, parts) => {
    const seen = await spy(parts);
    for (const secret of [WORK, backwards(WORK), encodeURIComponent(WORK), Buffer.from(WORK).toString('base64')]) {
      expect(seen).not.toContain(secret);
    }
    expect(seen).toContain('[secret]');
  });

  it('does not see them in a file either, nor the cookies that come with the answer', async () => {
    both.provider.answer(({ headers }) => ({
      headers: { 'set-cookie': 'session=cookie-0123456789', 'x-said': `${headers.authorization}` },
      text: `you sent ${headers.authorization}`,
    }));
    const file = { name: 'echo.txt', mimeType: 'text/plain' };
    const get = ask({ path: '/thing' }, { result: { file } });
    const headers = ask(
      { path: '/thing' },
      { result: { value: "{{ JSON.stringify(response.headers).split('').reverse().join('') }}" } },
    );
    const stage = await linked(helper({ entities: things({ get, headers }) }));
    const outcome = await stage.call('things.get');
    expect(Buffer.from(outcome.file?.bytes ?? '').toString()).toBe('you sent Bearer [secret]');
    const { data } = await stage.call('things.headers');
    expect(data).toContain(backwards('[secret]'));
    for (const secret of [WORK, 'cookie-0123456789']) expect(data).not.toContain(backwards(secret));
  });

  it('does not see them in the events of a stream, nor while it comes', async () => {
    both.provider.answer(({ headers }) => ({
      headers: { 'content-type': 'text/event-stream' },
      text: `data: "${headers.authorization}"\n\ndata: "last"\n\n`,
    }));
    const until = `{{ event.data.includes('${WORK.slice(0, 6)}') }}`;
    const stage = await linked(helper({ entities: things({ get: ask({ path: '/thing', stream: true, until }) }) }));
    expect((await stage.call('things.get')).data).toEqual([
      { event: 'message', data: 'Bearer [secret]' },
      { event: 'message', data: 'last' },
    ]);
  });

  it('sees nothing of what the operator and the user gave for the other connector', async () => {
    const key = { title: 'Key', type: 'api_key', name: 'X-Key', value: '{{ secrets.apiKey + app.suffix }}' };
    const stage = await stageOf(
      helper({ entities: things({ get: ask({ path: '/thing' }, { result: { value: { seen: disguised } } }) }) }),
      desk({ auth: { options: { key } } }),
    );
    const suffix = '-suffix-of-the-app';
    const app = async (connector: string) => (connector === 'desk' ? { suffix } : {});
    Object.assign(stage.engine, { app });
    await stage.link('desk', { input: { apiKey: WORK }, identifier: 'work' });
    await stage.link('helper', { input: {} });
    both.provider.answer(({ headers }) => ({ body: { ok: headers['x-key'] === WORK + suffix } }));
    const text = JSON.stringify((await stage.call('things.get')).data);
    expect(text).toContain('ok');
    for (const secret of [WORK, backwards(WORK), suffix, backwards(suffix)]) expect(text).not.toContain(secret);
  });

  it('gets what the other connector adds to every request, but not where its paths begin', async () => {
    const makeApiClient = {
      mapping: { baseUri: `${both.provider.origin}/v2`, headers: { 'X-Tenant': 't-{{ input.token }}' } },
    };
    const stage = await linked(
      helper(),
      desk({ auth: { methods: { makeApiClient }, options: { token: { title: 'T', type: 'bearer' } } } }),
    );
    await stage.call('things.get');
    expect(both.provider.seen).toMatchObject([{ path: '/thing', headers: { 'x-tenant': `t-${WORK}` } }]);
  });

  it('cannot say what a failure is in words that hold the token', async () => {
    both.provider.answer(({ headers }) => ({ status: 422, body: { message: `bad ${headers.authorization}` } }));
    const errors = [
      { when: { status: 422 }, code: 'conflict', message: "{{ response.body.message.split('').join('-') }}" },
    ];
    const stage = await linked(helper({ errors }));
    const { message } = await failureOf(stage.call('things.get'));
    expect(message).not.toContain(WORK.split('').join('-'));
  });
});
