import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { commandsStory } from './leaks/commandstory.ts';
import { clientsStory, toolsStory } from './leaks/mcpstory.ts';
import { openPlace, type Place } from './leaks/place.ts';
import { accountsStory, linksStory, openServer, strangersStory, usersStory } from './leaks/serverstory.ts';
import { stdioStory } from './leaks/stdiostory.ts';

let place: Place;
beforeEach(async () => {
  place = await openPlace();
});
afterEach(() => place.close());

/** What is planted wherever accounts are linked. */
const OF_ACCOUNTS = [
  ...['token', 'API key', 'password', 'user and password', 'private key', 'OAuth client secret', 'wrong-credential'],
  ...['access token', 'refresh token', 'session key', 'ID token', 'authorization code', 'code_verifier sent'],
  ...['credential in Authorization', 'cookie', 'link', 'state of a sign-in', 'master key'],
];

const OF_SERVERS = [
  ...['client API key', 'secret of a user', 'secret that is wrong', 'login token', 'personal access token'],
  ...['login token with another signature', 'code for an MCP client', 'PKCE verifier of an MCP client'],
  ...['access token of an MCP client', 'refresh token of an MCP client', 'client secret of an MCP client'],
  ...['signing key'],
];

/** What the provider is sent, and shows to whoever sent it. */
const SENT = [
  ...['credential in Authorization', 'key in a header', 'key in the query', 'cookie', 'password sent', 'code sent'],
  ...['code_verifier sent', 'client_secret sent', 'refresh_token sent', 'token sent'],
];

const PLACES = ['/authorize', '/token', '/login', '/revoke', '/echo', '/file', '/fail/401', '/fail/error', '/fail/cut'];

const FILES = ['file audit.jsonl', 'file config.yaml', 'file tieline.db'];

/** That it was all there to be found: a story that goes nowhere leaks nothing either. */
function expectHeard(secrets: readonly string[], outputs: readonly string[]): void {
  const { ledger, mirror } = place;
  const missing = (all: Iterable<string>, wanted: readonly string[]) => wanted.filter((it) => !new Set(all).has(it));
  expect(missing(ledger.planted(), secrets)).toEqual([]);
  expect(missing(mirror.sent, SENT)).toEqual([]);
  expect(missing(mirror.asked, PLACES)).toEqual([]);
  expect(
    missing(
      ledger.outputs().map((it) => it.where),
      [...outputs, ...FILES],
    ),
  ).toEqual([]);
}

describe('no secret is in any output', () => {
  it('of a server, and of commands beside it', async () => {
    const stage = await openServer(place);
    onTestFinished(() => void stage.served.server.child.kill('SIGKILL'));
    await usersStory(stage);
    await accountsStory(stage);
    await linksStory(stage);
    await toolsStory(stage, await clientsStory(stage), ['bearer', 'basic', 'query', 'login']);
    await commandsStory(place);
    await strangersStory(stage);
    await stage.stop();
    await place.finish();
    expectHeard([...OF_ACCOUNTS, ...OF_SERVERS], ['POST /mcp', 'GET /callback/mirror', 'stderr of tieline serve']);
    expect(place.ledger.leaks()).toEqual([]);
  }, 180_000);

  it.each([
    ['2025-11-25', false],
    ['2026-07-28', true],
  ] as const)(
    'of an agent’s own server, by revision %s',
    async (_, isModern) => {
      await stdioStory(place, isModern);
      await place.finish();
      expectHeard(OF_ACCOUNTS, ['POST /connect/…', 'GET /callback/mirror', 'stdout of tieline stdio']);
      expect(place.ledger.leaks()).toEqual([]);
    },
    180_000,
  );
});
