import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkArguments } from '../../src/execute/validate.ts';
import { failureOf } from './stage.ts';

const schema = {
  type: 'object',
  required: ['title'],
  additionalProperties: false,
  properties: {
    title: { type: 'string', minLength: 1, maxLength: 5 },
    state: { type: 'string', enum: ['open', 'closed'] },
    count: { type: 'integer', minimum: 1, maximum: 9 },
    labels: { type: 'array', items: { type: 'string' }, maxItems: 2, uniqueItems: true },
    to: { type: 'string', format: 'email' },
    note: { type: ['string', 'null'] },
    due: {
      type: 'object',
      required: ['date'],
      properties: { date: { type: 'string' } },
      additionalProperties: false,
    },
    rows: { type: 'array', items: { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] } },
    either: { anyOf: [{ type: 'string' }, { type: 'number' }] },
    one: { oneOf: [{ const: 1 }, { const: 2 }] },
  },
};

const refusal = async (args: unknown): Promise<string> => {
  const error = await failureOf(() => checkArguments(schema, args));
  expect(error.code).toBe('arguments_invalid');
  return error.message.replace(/^the arguments do not fit: /, '');
};

describe('checkArguments', () => {
  it.each([
    [{ title: 'a' }],
    [{ title: 'abcde', state: 'open', count: 9, labels: ['a', 'b'], to: 'a@b.example', note: null }],
    [{ title: 'a', due: { date: 'x' }, rows: [{ id: 1, more: true }], either: 7, one: 2 }],
  ])('lets %j through', (args) => {
    expect(() => checkArguments(schema, args)).not.toThrow();
  });

  it.each<[unknown, string]>([
    [{}, 'title is missing'],
    [{ titel: 'a' }, 'title is missing; titel is not known, did you mean title?'],
    [{ title: 'a', zzz: 1 }, 'zzz is not known'],
    [{ title: 1 }, 'title: is number, not string'],
    [{ title: null }, 'title: is null, not string'],
    [{ title: '' }, 'title: String is too short (0 < 1)'],
    [{ title: 'abcdef' }, 'title: String is too long (6 > 5)'],
    [{ title: 'a', state: 'done' }, 'state: is none of ["open","closed"]'],
    [{ title: 'a', count: 0 }, 'count: 0 is less than 1'],
    [{ title: 'a', count: 1.5 }, 'count: is number, not integer'],
    [{ title: 'a', count: '1' }, 'count: is string, not integer'],
    [{ title: 'a', labels: 'a' }, 'labels: is string, not array'],
    [{ title: 'a', labels: ['a', 1] }, 'labels.1: is number, not string'],
    [{ title: 'a', labels: ['a', 'b', 'c'] }, 'labels: Array has too many items (3 > 2)'],
    [{ title: 'a', to: 'nobody' }, 'to: String does not match format "email"'],
    [{ title: 'a', note: 1 }, 'note: is number, not string or null'],
    [{ title: 'a', due: {} }, 'due.date is missing'],
    [{ title: 'a', due: { date: 'x', time: 1 } }, 'due.time is not known'],
    [{ title: 'a', rows: [{ id: 1 }, { id: 'x' }] }, 'rows.1.id: is string, not integer'],
    [{ title: 'a', either: true }, 'either: is boolean, not string; either: is boolean, not number'],
    [{ title: 'a', one: 3 }, 'one: is not 1; one: is not 2'],
    [null, 'the value: is null, not object'],
    [[], 'the value: is array, not object'],
    ['text', 'the value: is string, not object'],
  ])('says what is wrong with %j', async (args, message) => {
    expect(await refusal(args)).toBe(message);
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('knows no argument %s', async (name) => {
    const args: unknown = JSON.parse(`{"title":"a","${name}":{"polluted":true}}`);
    expect(await refusal(args)).toMatch(new RegExp(`^${name} is not known`));
  });

  it('lets nothing through that it cannot explain', async () => {
    const error = await failureOf(() => checkArguments({ properties: { secret: false } }, { secret: 1 }));
    expect(error.message).toBe('the arguments do not fit: the value is not allowed');
  });

  it('says what was checked', async () => {
    const error = await failureOf(() => checkArguments(schema, {}, 'the settings'));
    expect(error.message).toBe('the settings do not fit: title is missing');
  });

  it('stays a bounded line, whatever the names are', async () => {
    const names = fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 300 }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(names, async (names) => {
        const message = await refusal(Object.fromEntries(names.map((it) => [it, 1])));
        expect(message.length).toBeLessThan(1_500);
        expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      }),
    );
    expect((await refusal({ title: 'a', ['x'.repeat(1_000_000)]: 1 })).length).toBeLessThan(200);
  });
});

it('refuses very many unknown fields without explaining each', async () => {
  const args = Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`k${i}`, 1]));
  const error = await failureOf((async () => checkArguments(schema, args))());
  expect(error).toMatchObject({ code: 'arguments_invalid', message: expect.stringContaining('more than 1000 fields') });
});

it('takes no long list whose items may not repeat, as each would be compared with each', async () => {
  const list = { type: 'object', properties: { ids: { type: 'array', uniqueItems: true } } };
  const of = (count: number) => ({ ids: Array.from({ length: count }, (_, i) => i) });
  checkArguments(list, of(1_000));
  const error = await failureOf((async () => checkArguments(list, of(100_000)))());
  expect(error).toMatchObject({ code: 'arguments_invalid' });
  const twice = await failureOf((async () => checkArguments(list, { ids: [1, 2, 1] }))());
  expect(twice).toMatchObject({ code: 'arguments_invalid' });
});

it('looks at the format of an address once for each character', async () => {
  const link = { type: 'object', properties: { link: { type: 'string', format: 'url' } } };
  checkArguments(link, { link: 'https://a.example/x?y=1' });
  const error = await failureOf((async () => checkArguments(link, { link: `http://${'a'.repeat(50_000)}^` }))());
  expect(error).toMatchObject({ code: 'arguments_invalid' });
});
