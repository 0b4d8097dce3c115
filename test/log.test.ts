import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TielineError } from '../src/errors.ts';
import { log } from '../src/log.ts';
import { Secrets } from '../src/secrets.ts';

let written: string[];
const { TIELINE_LOG } = process.env;

beforeEach(() => {
  written = [];
  delete process.env.TIELINE_LOG;
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  if (TIELINE_LOG !== undefined) process.env.TIELINE_LOG = TIELINE_LOG;
});

const LINE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warn|error) [^\p{Cc}\u2028\u2029]+\n$/u;

describe('log', () => {
  it.each([
    [undefined, ['info', 'warn', 'error']],
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
    ['verbose', ['info', 'warn', 'error']],
    ['', ['info', 'warn', 'error']],
  ])('with TIELINE_LOG=%s writes %j', (level, expected) => {
    if (level !== undefined) process.env.TIELINE_LOG = level;
    for (const each of ['debug', 'info', 'warn', 'error'] as const) log[each]('it happened');
    expect(written.map((it) => it.split(' ')[1])).toEqual(expected);
  });

  it('writes facts after the message, and leaves out those that are absent', () => {
    log.info('a call ended', { tool: 'gmail_messages_list', ms: 12, ok: true, hint: undefined, of: { a: [1, 2] } });
    expect(written[0]).toMatch(/ info a call ended tool="gmail_messages_list" ms=12 ok=true of=\{ a: \[ 1, 2 \] \}\n$/);
  });

  it.each([
    ['a message of several lines', 'one\ntwo\r\n  three\u2028four', {}],
    ['a fact of several lines', 'it', { text: 'one\ntwo\u2029three' }],
    ['a forged line', 'it\n2026-01-01T00:00:00.000Z error all is lost', {}],
    ['what would drive a terminal', 'it \u001b[2J\u0007\u009b31m', { title: '\u001b]0;title\u0007' }],
    [
      'a deep object',
      'it',
      { deep: { a: { b: { c: { d: { e: 'f' } } } }, many: Array.from({ length: 200 }, (_, i) => `${i}\n`) } },
    ],
    ['an error with causes', 'it', { error: new Error('one\ntwo', { cause: new TypeError('three\nfour') }) }],
    ['what is no error', 'it', { error: null, more: undefined, symbol: Symbol('s'), run: () => {} }],
  ])('makes one line of %s', (_, message, facts) => {
    log.error(message, facts);
    expect(written).toHaveLength(1);
    expect(written[0]).toMatch(LINE);
  });

  it('tells an error with its code, and those below it', () => {
    const cause = new Error('connect ECONNREFUSED', { cause: { status: 500 } });
    log.error('a call failed', { error: new TielineError('upstream_unreachable', 'it cannot be reached', { cause }) });
    for (const part of [
      'it cannot be reached',
      "code: 'upstream_unreachable'",
      'connect ECONNREFUSED',
      'status: 500',
    ]) {
      expect(written[0]).toContain(part);
    }
  });

  it('shows no token in whatever part it stands', () => {
    const token = 'ghp_abcdefghijklmnopqrstuvwxyz0123456789';
    log.error(`message ${token}`, {
      value: token,
      nested: { list: [token] },
      error: new Error(token, { cause: new Error(token) }),
    });
    expect(written[0]).toMatch(LINE);
    expect(written[0]).not.toContain('ghp_');
    expect(written[0]?.match(/\[secret\]/g)?.length).toBeGreaterThanOrEqual(5);
  });

  it.each([
    ['plain-secret-value'],
    ['with "quotes" and \\'],
    ['-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n-----END KEY-----'],
  ])('shows nothing of an error that its account has kept out: %j', async (value) => {
    const cause = Object.assign(new Error(value), { sent: value });
    const error = await new Secrets([value])
      .guard(() => Promise.reject(new Error(`it was ${value}`, { cause })))
      .catch((it: unknown) => it);
    log.error('a call failed', { error });
    expect(written[0]).toMatch(LINE);
    expect(written[0]).not.toMatch(/plain-secret|quotes|MIIE/);
    expect(written[0]).toContain('it was [secret]');
  });

  it('shows of an error what tells the fault, and not what a driver hangs at it', () => {
    const error = Object.assign(new Error('refused'), {
      code: 'ECONNREFUSED',
      errno: -111,
      sent: { body: 'a private text' },
    });
    log.error('it failed', { error, deep: undefined });
    expect(written[0]).toContain("code: 'ECONNREFUSED', errno: -111");
    expect(written[0]).not.toContain('private');
  });

  it('leaves alone what others call a secret', async () => {
    await new Secrets(['there is no integration']).guard(() => Promise.reject(new Error('x'))).catch(() => {});
    log.info('there is no integration', { of: 'there is no integration' });
    expect(written[0]).toMatch(/info there is no integration of="there is no integration"/);
  });

  it('writes a bounded line of whatever it is given', () => {
    const long = 'word '.repeat(2_000_000);
    log.error(long, { long, error: new Error(long), list: Array.from({ length: 50 }, () => long) });
    expect(written[0]?.length).toBeLessThan(33_000);
    expect(written[0]).toMatch(LINE);
  });
});

describe('a failure that nobody awaited', () => {
  it('is scrubbed too, and ends the program', async () => {
    const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
    const token = 'ghp_abcdefghijklmnopqrstuvwxyz0123456789';
    const late = `data:text/javascript,setTimeout(() => Promise.reject(new Error('lost with ${token}')), 150)`;
    const running = promisify(execFile)(process.execPath, [`--import=${late}`, main, 'connectors', 'lint']);
    const { code, stderr } = await running.then(
      () => ({ code: 0, stderr: '' }),
      (error: { code: number; stderr: string }) => error,
    );
    expect(code).toBe(1);
    expect(stderr).toContain('lost with [secret]');
    expect(stderr).not.toContain(token);
  });
});
