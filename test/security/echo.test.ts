import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutSecrets } from '../../src/execute/redaction.ts';
import { errorAnswer, resultAnswer } from '../../src/mcp/answer.ts';
import {
  connectorOf,
  failureOf,
  openStage,
  type Provider,
  reading,
  type Stage,
  startProvider,
  things,
} from '../execute/stage.ts';

const SECRET = 'Sécret/key+1 "quoted" 0123456789';
const PLAIN = 'plain-token-9876543210';
const PASSWORD = 'pass-word-1234';

const text = { type: 'string', secret: true };
const shown = { type: 'string' };
const keyed = (more: object) => ({
  title: 'Key',
  type: 'api_key',
  name: 'X-Key',
  ui: { schema: { type: 'object', properties: { apiKey: text } } },
  ...more,
});

const OPTIONS: Readonly<Record<string, { option: object; input: Record<string, string>; secrets: string[] }>> = {
  bearer: { option: { title: 'Token', type: 'bearer' }, input: { token: PLAIN }, secrets: [PLAIN] },
  basic: {
    option: {
      title: 'Basic',
      type: 'basic',
      ui: { schema: { type: 'object', properties: { username: shown, password: text } } },
    },
    input: { username: 'ada', password: PASSWORD },
    secrets: [PASSWORD, Buffer.from(`ada:${PASSWORD}`).toString('base64')],
  },
  header: { option: keyed({}), input: { apiKey: PLAIN }, secrets: [PLAIN] },
  query: { option: keyed({ in: 'query', name: 'key' }), input: { apiKey: SECRET }, secrets: [SECRET] },
  cookie: { option: keyed({ in: 'cookie', name: 'session' }), input: { apiKey: SECRET }, secrets: [SECRET] },
  digits: { option: keyed({}), input: { apiKey: '1234567890' }, secrets: ['1234567890'] },
};

const base64 = (it: string) => Buffer.from(it).toString('base64');

/** The forms in which a provider may give a text back. */
const FORMS: Readonly<Record<string, (it: string) => unknown>> = {
  raw: (it) => it,
  'in a text': (it) => `you sent <${it}>, did you not?`,
  'twice in a text': (it) => `${it}${it}`,
  'percent-encoded': (it) => encodeURIComponent(it),
  'form-encoded': (it) => new URLSearchParams({ it }).toString(),
  base64: (it) => base64(it),
  base64url: (it) => Buffer.from(it).toString('base64url'),
  'JSON in a text': (it) => JSON.stringify({ it }),
  'a key': (it) => ({ [it]: 1 }),
  deep: (it) => [{ a: [{ b: it }] }],
};

describe('an account', () => {
  let provider: Provider;

  beforeAll(async () => {
    provider = await startProvider();
  });

  afterAll(() => provider.close());

  async function staged(name: string, work: (stage: Stage) => Promise<void>): Promise<void> {
    const { option, input } = OPTIONS[name] ?? {};
    const entities = things({
      get: { ...reading, request: { path: '/thing' } },
      file: {
        ...reading,
        request: { path: '/thing' },
        result: { file: { name: '{{ response.headers["x-name"] }}' } },
      },
      computed: {
        ...reading,
        request: { path: '/thing' },
        result: { value: '{{ JSON.stringify(response.body).toUpperCase() && response.body }}' },
      },
    });
    const stage = await openStage([
      connectorOf({ server: { baseUrl: provider.origin }, auth: { options: { own: option } }, entities }),
    ]);
    try {
      await stage.link('sample', { input: input ?? {} });
      await work(stage);
    } finally {
      await stage.close();
    }
  }

  it.each(Object.keys(OPTIONS))('by %s never gets its secret back in a result', async (name) => {
    await staged(name, async (stage) => {
      const { secrets = [] } = OPTIONS[name] ?? {};
      for (const [form, written] of Object.entries(FORMS)) {
        provider.answer(({ headers, url }) => {
          const sent = [headers.authorization, headers['x-key'], headers.cookie, url.searchParams.get('key')];
          return {
            body: {
              kept: 'this stays',
              echo: [...sent.filter((it) => typeof it === 'string'), ...secrets].map(written),
            },
          };
        });
        for (const action of ['get', 'computed']) {
          const answer = JSON.stringify(resultAnswer(await stage.call(`things.${action}`)));
          expect(answer, form).toContain('this stays');
          for (const secret of secrets) expect(leaks(answer, secret), form).toEqual([]);
        }
      }
    });
  });

  it.each(Object.keys(OPTIONS))('by %s never gets its secret back in a file', async (name) => {
    await staged(name, async (stage) => {
      const { secrets = [] } = OPTIONS[name] ?? {};
      const written = secrets.map((it) => `${it} ${base64(it)}`).join('\n');
      provider.answer(() => ({
        text: `this stays ${written}`,
        headers: { 'x-name': `of ${encodeURIComponent(secrets.join(' '))}.txt` },
      }));
      const { file } = await stage.call('things.file');
      const content = Buffer.from(file?.bytes ?? []).toString();
      expect(content).toContain('this stays');
      for (const secret of secrets) expect(leaks(`${file?.name} ${content}`, secret)).toEqual([]);
    });
  });

  it.each(Object.keys(OPTIONS))('by %s never gets its secret back in an error', async (name) => {
    await staged(name, async (stage) => {
      const { secrets = [] } = OPTIONS[name] ?? {};
      for (const form of ['raw', 'in a text', 'percent-encoded', 'base64']) {
        for (const pad of [0, 290]) {
          const message = `${'a'.repeat(pad)} ${secrets.map((it) => FORMS[form]?.(it)).join(' ')}`;
          provider.answer(() => ({ status: 400, body: { message } }));
          const error = await failureOf(stage.call('things.get'));
          expect(error.message).toContain('the provider answered 400');
          for (const secret of secrets) expect(leaks(error.message, secret), form).toEqual([]);
          const answer = JSON.stringify(errorAnswer(error, () => {}));
          for (const secret of secrets) expect(leaks(answer, secret), form).toEqual([]);
        }
      }
    });
  });
});

/** The forms of a secret that stand in a text. */
function leaks(answer: string, secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const twice = JSON.stringify(json).slice(1, -1);
  const forms = [
    secret,
    json,
    twice,
    encodeURIComponent(secret),
    base64(secret).replace(/=+$/, ''),
    Buffer.from(secret).toString('base64url'),
  ];
  // Half a secret is a leak as well.
  return [...forms, ...forms.map((it) => it.slice(0, Math.ceil(it.length / 2)))].filter((it) => answer.includes(it));
}

describe('withoutSecrets', () => {
  it.each([
    ['a text', `x ${PLAIN} y`, 'x [secret] y'],
    ['a list', [PLAIN, 1, null], ['[secret]', 1, null]],
    ['a key', { [PLAIN]: 1 }, { '[secret]': 1 }],
    ['a number', { id: 1234567890 }, { id: '[secret]' }],
    ['a longer number', { id: 991234567890 }, { id: '99[secret]' }],
    ['nothing', undefined, null],
  ])('cleans %s', (_, data, expected) => {
    expect(withoutSecrets(data, [PLAIN, '1234567890'])).toEqual(expected);
  });

  it('gives back the same value where there is nothing to clean', () => {
    const data = { a: ['text', 1, true, null, { __proto__: null }] };
    expect(withoutSecrets(data, [PLAIN])).toBe(data);
  });

  it('takes no short word for a secret', () => {
    expect(withoutSecrets({ a: 'the word' }, ['word', ''])).toEqual({ a: 'the word' });
  });

  it('keeps a key __proto__ a key', () => {
    const clean = withoutSecrets(JSON.parse(`{"__proto__":{"polluted":"${PLAIN}"}}`), [PLAIN]);
    expect(JSON.stringify(clean)).toBe('{"__proto__":{"polluted":"[secret]"}}');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
