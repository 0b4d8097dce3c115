import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Integration } from '../../src/integration/integration.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { alice, bob, failureOf, openStage, type Stage, sandboxConnector } from '../execute/stage.ts';

let sandbox: Sandbox;
let stage: Stage;
let main: Integration;
let cursor: string;

const link = (identifier: string, who = alice) =>
  stage.link('sandbox', { who, option: 'key', input: { apiKey: sandbox.apiKey('ada') }, identifier });

const cursorOf = async (pair: string, more: object = {}): Promise<string> => {
  const { meta } = await stage.call(pair, { limit: 3 }, more);
  if (!meta.page?.cursor) throw new Error('no cursor');
  return meta.page.cursor;
};

beforeAll(async () => {
  sandbox = await startSandbox();
  stage = await openStage([await sandboxConnector()], {
    app: { baseUrl: sandbox.url, clientId: '', clientSecret: '' },
  });
  main = await link('main');
  await link('other');
  await link('main', bob);
  cursor = await cursorOf('tickets.list');
});

afterAll(async () => {
  await stage.close();
  await sandbox.close();
});

async function refused(given: unknown, pair = 'tickets.list', more: object = {}): Promise<void> {
  const before = sandbox.observed.apiCalls.length;
  const error = await failureOf(stage.call(pair, { cursor: given }, more));
  expect(error.code).toBe('cursor_invalid');
  expect(error.hint).toMatch(/meta\.page\.cursor/);
  expect(sandbox.observed.apiCalls).toHaveLength(before);
}

describe('a cursor', () => {
  it('opens for the tool, account and user it was given to, more than once', async () => {
    const pages = await Promise.all([1, 2].map(() => stage.call('tickets.list', { limit: 3, cursor })));
    expect(pages[0]?.data).toEqual(pages[1]?.data);
  });

  it('shows nothing of what is in it', () => {
    const plain = Buffer.from(cursor, 'base64url').toString('latin1') + cursor;
    for (const word of ['before', 'cursor', 'position', main.id, 'alice', 'tickets']) expect(plain).not.toContain(word);
  });

  it('of another tool is refused', async () => {
    await refused(await cursorOf('messages.list'));
    await refused(cursor, 'messages.list');
    await refused(cursor, 'files.list');
  });

  it('of another account of the same user is refused', () => refused(cursor, 'tickets.list', { identifier: 'other' }));

  it('of another user is refused, and of one in another organization', async () => {
    await refused(cursor, 'tickets.list', { who: bob });
    const elsewhere = { ...alice, organization: 'other' };
    await link('main', elsewhere);
    await refused(cursor, 'tickets.list', { who: elsewhere });
  });

  it('of another keystore is refused', async () => {
    const other = await openStage([await sandboxConnector()], {
      app: { baseUrl: sandbox.url, clientId: '', clientSecret: '' },
    });
    try {
      await other.link('sandbox', { option: 'key', input: { apiKey: sandbox.apiKey('ada') } });
      const { meta } = await other.call('tickets.list', { limit: 3 });
      await refused(meta.page?.cursor);
    } finally {
      await other.close();
    }
  });

  it.each([
    '',
    ' ',
    'abc',
    'null',
    '{}',
    '../../etc/passwd',
    'https://evil.example/next',
    Buffer.from('before:1012').toString('base64url'), // the sandbox's own
    JSON.stringify({ position: { url: 'http://evil.example' } }),
    'a'.repeat(100_000),
    '\0',
    '\ud800',
  ])('that is made up is refused: %j', (given) => refused(given));

  it('cut anywhere, or changed in any character, is refused', async () => {
    const places = fc.nat(cursor.length - 1);
    const characters = fc.constantFrom(...'ABCxyz019-_=.');
    await fc.assert(
      fc.asyncProperty(places, characters, fc.boolean(), async (at, character, isCut) => {
        const forged = isCut ? cursor.slice(0, at) : cursor.slice(0, at) + character + cursor.slice(at + 1);
        if (forged !== cursor) await refused(forged);
      }),
      { numRuns: 150 },
    );
    await refused(`${cursor}A`);
    await refused(cursor.slice(1));
  });

  it.each([7, null, {}, ['a'], true])('is text, not %j', async (given) => {
    const error = await failureOf(stage.call('tickets.list', { cursor: given }));
    expect(error.code).toBe('arguments_invalid');
  });

  it('of a tool without pages is no argument', async () => {
    expect((await failureOf(stage.call('profile.get', { cursor }))).code).toBe('arguments_invalid');
  });
});
