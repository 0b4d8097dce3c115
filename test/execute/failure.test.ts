import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorRule } from '../../src/connector/actionspec.ts';
import { planError } from '../../src/connector/plan.ts';
import { type ErrorCode, TielineError } from '../../src/errors.ts';
import { failureOf } from '../../src/execute/failure.ts';
import { loadSandbox, Scripts } from '../../src/expression/sandbox.ts';
import { Secrets } from '../../src/secrets.ts';

let scripts: Scripts;

beforeAll(async () => {
  await loadSandbox();
  scripts = new Scripts();
});

afterAll(() => scripts.dispose());

type Rule = { when: Record<string, unknown>; code: ErrorCode; message?: string; hint?: string };

const SECRET = `key-${'0123456789'.repeat(60)}`;
const { scrub } = new Secrets([SECRET]);

function judge(status: number, body: unknown, rules: readonly Rule[] = [], retryAfter?: number) {
  const plans = rules.map((it) => planError(errorRule.parse(it)));
  return failureOf(plans, { status, headers: { 'x-left': '0' }, body }, {}, { scripts, retryAfter, scrub });
}

const said = (body: unknown): string =>
  judge(400, body)?.message.replace(/^the provider answered 400(?:: )?/, '') ?? '';

describe('a status without rules', () => {
  it.each([
    [200, undefined],
    [204, undefined],
    [302, 'upstream_invalid'],
    [304, 'upstream_invalid'],
    [400, 'upstream_rejected'],
    [401, 'token_rejected'],
    [403, 'forbidden'],
    [404, 'not_found'],
    [409, 'conflict'],
    [410, 'not_found'],
    [422, 'upstream_rejected'],
    [429, 'rate_limited'],
    [499, 'upstream_rejected'],
    [500, 'upstream_failed'],
    [503, 'upstream_failed'],
    [599, 'upstream_failed'],
  ])('%i is %s', (status, code) => {
    const failure = judge(status, {});
    expect(failure?.code).toBe(code);
    if (failure) expect(failure.message).toContain(String(status));
  });

  it.each([
    [429, 7],
    [503, 7],
    [400, undefined],
    [401, undefined],
  ])('%i says to come back after %j s', (status, expected) => {
    expect(judge(status, {}, [], 7)?.retryAfter).toBe(expected);
  });

  it('comes with one next step where there is one', () => {
    expect(judge(404, {})?.hint).toBe('Check the ID; it may belong to another account.');
    expect(judge(422, {})?.hint).toBeUndefined();
  });
});

describe('rules', () => {
  const body = (value: string) => `{{ response.body${value} }}`;

  it.each<[string, Rule['when'], number, unknown, boolean]>([
    ['a status', { status: 404 }, 404, {}, true],
    ['another status', { status: 404 }, 400, {}, false],
    ['one of some statuses', { status: [400, 404] }, 404, {}, true],
    ['none of some statuses', { status: [400, 404] }, 405, {}, false],
    ['a class of statuses', { status: '4xx' }, 418, {}, true],
    ['another class', { status: '5xx' }, 418, {}, false],
    ['success', { status: '2xx' }, 200, {}, true],
    ['a value in a list', { value: body('.ok'), in: [false] }, 200, { ok: false }, true],
    ['a value not in it', { value: body('.ok'), in: [false] }, 200, { ok: true }, false],
    ['a value that is absent', { value: body('.ok'), in: [false] }, 200, {}, false],
    ['a truthy value', { value: body('.error') }, 200, { error: 'x' }, true],
    ['a falsy value', { value: body('.error') }, 200, { error: '' }, false],
    ['a pattern', { value: body('.error'), matches: 'quota' }, 403, { error: 'Daily QUOTA exceeded' }, true],
    ['no such pattern', { value: body('.error'), matches: 'quota' }, 403, { error: 'denied' }, false],
    ['a pattern on no text', { value: body('.error'), matches: '1' }, 403, { error: 1 }, false],
    ['a header', { value: "{{ response.headers['x-left'] == '0' }}" }, 403, {}, true],
    ['a status and a value', { status: 403, value: body('.a') }, 403, { a: 1 }, true],
    ['the status but not the value', { status: 403, value: body('.a') }, 403, {}, false],
    // Written for another answer: the page of a gateway has no error object.
    ['a value that cannot be read', { value: body('.error.code'), in: ['x'] }, 502, '<html>', false],
    ['a value of nothing', { value: body('.error.code'), in: ['x'] }, 200, null, false],
  ])('match %s', (_, when, status, body, expected) => {
    const code = judge(status, body, [{ when, code: 'conflict' }])?.code;
    expect(code === 'conflict').toBe(expected);
  });

  it('hold in their order', () => {
    const rules: Rule[] = [
      { when: { status: 403, value: body('.a') }, code: 'missing_scope' },
      { when: { status: 403 }, code: 'rate_limited' },
      { when: { status: '4xx' }, code: 'conflict' },
    ];
    expect(judge(403, { a: 1 }, rules)?.code).toBe('missing_scope');
    expect(judge(403, {}, rules)?.code).toBe('rate_limited');
    expect(judge(404, {}, rules)?.code).toBe('conflict');
    expect(judge(500, {}, rules)?.code).toBe('upstream_failed');
    expect(judge(200, {}, rules)).toBeUndefined();
  });

  it('make a failure of a 200', () => {
    const failure = judge(200, { ok: false, error: 'maintenance' }, [
      { when: { value: body('?.ok'), in: [false] }, code: 'upstream_failed', message: body('.error') },
    ]);
    expect(failure).toMatchObject({ code: 'upstream_failed', message: 'the provider answered 200: maintenance' });
  });

  it('give message and hint, or leave them to the status', () => {
    const rule = {
      when: { status: 400 },
      code: 'conflict',
      message: body('.why'),
      hint: 'Ask {{ response.body.who }}.',
    } as const;
    expect(judge(400, { why: 'taken', who: 'Ann' }, [rule])).toMatchObject({
      message: 'the provider answered 400: taken',
      hint: 'Ask Ann.',
    });
    expect(judge(400, { message: 'plain' }, [rule])?.message).toBe('the provider answered 400: plain');
    const page = judge(400, null, [{ ...rule, message: body('.a.b.c') }]);
    expect(page).toMatchObject({ code: 'conflict', message: 'the provider answered 400' });
  });
});

describe('the message of an answer', () => {
  it.each([
    ['GitHub', { message: 'Not Found', documentation_url: 'https://docs' }, 'Not Found'],
    ['Google', { error: { code: 400, message: 'Invalid id', status: 'INVALID_ARGUMENT' } }, 'Invalid id'],
    ['OAuth', { error: 'invalid_grant', error_description: 'Token expired' }, 'Token expired'],
    ['Slack', { ok: false, error: 'channel_not_found' }, 'channel_not_found'],
    ['Stripe', { error: { type: 'card_error', message: 'Declined' } }, 'Declined'],
    ['JSON:API', { errors: [{ status: '422', title: 'Invalid', detail: 'Name is short' }] }, 'Name is short'],
    ['a list of texts', { errors: ['first', 'second'] }, 'first'],
    ['RFC 9457', { type: 'about:blank', title: 'Out of credit', detail: 'Balance is 30' }, 'Balance is 30'],
    ['RFC 9457 without detail', { type: 'about:blank', title: 'Out of credit' }, 'Out of credit'],
    ['Jira', { errorMessages: ['Issue does not exist'], errors: {} }, 'Issue does not exist'],
    ['Django', { detail: 'Not found.' }, 'Not found.'],
    ['text', 'Bad thing', 'Bad thing'],
    ['a web page', '<html><body>Bad gateway</body></html>', ''],
    ['a page with blanks before', ' \n<p>Bad gateway', ''],
    ['nothing', null, ''],
    ['a number', 7, ''],
    ['an empty message', { message: '', error: 'x' }, 'x'],
    ['another shape', { status: 'bad' }, ''],
  ])('is found in that of %s', (_, body, expected) => {
    expect(said(body)).toBe(expected);
  });

  it.each([
    ['markup', 'a <b>bold</b> <script>x</script> move', 'a bold x move'],
    ['line breaks', 'one\r\n\ttwo\u2028three', 'one two three'],
    ['control characters', 'a\0b\u001b[31mc\u0007', 'a b [31mc'],
    ['invisible characters', 'a\u200bb\u202ec\ufeffd\u{e0041}e', 'a b c d e'],
    ['lone surrogates', 'a\ud800b', 'a b'],
  ])('loses %s', (_, text, expected) => {
    expect(said({ message: text })).toBe(expected);
  });

  it('is one bounded line of well-formed text, whatever the provider says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), fc.nat(8), (text, times) => {
        const message = said({ message: `x${text.repeat(times + 1)}` });
        expect(message.length).toBeLessThanOrEqual(301);
        expect(message).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
      }),
    );
    expect(said({ message: `${'a'.repeat(299)}😀😀` })).toBe(`${'a'.repeat(299)}…`);
  });

  it('does not let half a secret stand', () => {
    expect(said({ message: `${'a'.repeat(200)} ${SECRET}` })).toBe(`${'a'.repeat(200)} [secret]`);
    // Nor where what is read of a message ends.
    expect(said({ message: `${'<a>'.repeat(1_300)} ${SECRET}` })).not.toContain('key-');
  });

  it('is a TielineError', () => {
    expect(judge(500, {})).toBeInstanceOf(TielineError);
  });
});
