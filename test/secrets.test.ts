import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isTielineError, TielineError } from '../src/errors.ts';
import { Secrets } from '../src/secrets.ts';

const TOKEN = 'token-of-one-account';
const PASSWORD = 'p@ss "word" & more';

const failed = (secrets: Secrets, error: unknown): Promise<unknown> =>
  secrets
    .guard(() => Promise.reject(error))
    .then(
      () => expect.fail('it did not fail'),
      (it: unknown) => it,
    );

describe('secrets', () => {
  it('are those that were kept, each once, longest first', () => {
    const secrets = new Secrets([PASSWORD]);
    secrets.keep([TOKEN, PASSWORD]);
    expect(secrets.texts).toEqual([TOKEN, PASSWORD]);
    expect(secrets.scrub(`${TOKEN} ${encodeURIComponent(PASSWORD)} other`)).toBe('[secret] [secret] other');
  });

  it('are the same list for the same texts, as what to look for is kept with it', () => {
    const credential = [PASSWORD];
    const lists = [1, 2].map(() => {
      const secrets = new Secrets(credential);
      secrets.keep([TOKEN]);
      return secrets.texts;
    });
    expect(lists[0]).toBe(lists[1]);
  });
});

describe('an error', () => {
  const secrets = new Secrets([TOKEN, PASSWORD]);

  it('tells them nowhere: not in message, hint, stack, causes, nor in what hangs at it', async () => {
    const driver = Object.assign(new TypeError(`refused ${TOKEN}`), {
      code: 'ECONNREFUSED',
      sent: { headers: { authorization: `Basic ${btoa(PASSWORD)}` } },
    });
    const error = new TielineError('upstream_failed', `it said ${PASSWORD}`, {
      hint: `Not ${TOKEN}.`,
      retryAfter: 3,
      requestId: 'r1',
      cause: new Error('below', { cause: driver }),
    });
    const clean = await failed(secrets, error);
    const told = inspect(clean, { depth: 9, showHidden: true });
    for (const it of [TOKEN, PASSWORD, btoa(PASSWORD)]) expect(told).not.toContain(it);
    expect(isTielineError(clean)).toBe(true);
    expect(clean).toMatchObject({
      code: 'upstream_failed',
      message: 'it said [secret]',
      hint: 'Not [secret].',
      retryAfter: 3,
      requestId: 'r1',
      cause: { message: 'below', cause: { name: 'TypeError', message: 'refused [secret]', code: 'ECONNREFUSED' } },
    });
    // Others may have the same one.
    expect(error.message).toBe(`it said ${PASSWORD}`);
  });

  it('is the same where there is nothing of them in it', async () => {
    const error = new TielineError('not_found', 'there is nothing', { cause: { status: 404 } });
    expect(await failed(secrets, error)).toBe(error);
  });

  it.each([
    ['a text', `thrown ${TOKEN}`],
    ['an object', { token: TOKEN }],
    ['many in one', new AggregateError([new Error(TOKEN)], 'all failed')],
  ])('that is %s tells none either', async (_, thrown) => {
    expect(inspect(await failed(secrets, thrown), { depth: 9, showHidden: true })).not.toContain(TOKEN);
  });

  it('with causes in a circle is told all the same', async () => {
    const error = new Error(TOKEN);
    error.cause = error;
    expect(inspect(await failed(secrets, error), { depth: 20 })).not.toContain(TOKEN);
  });
});
