import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLocalJWKSet, createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Home, makeHome } from '../e2e/home.ts';
import { serveHome } from '../e2e/serve.ts';
import { type Provider, startProvider } from '../execute/stage.ts';
import { tieline } from './inprocess.ts';

const ISSUER = 'https://tieline.example';

let home: Home;
let provider: Provider;

beforeAll(async () => {
  provider = await startProvider();
  home = await makeHome({ hosts: [provider.host], tieline, server: { drain: { readinessDelay: '0s' } } });
  await mkdir(join(home.definitions, 'inner'));
  const definition = {
    format: 1,
    connector: 'inner',
    version: '1.0.0',
    title: 'Inner',
    summary: 'An API that trusts Tieline.',
    server: { baseUrl: provider.origin, testPath: '/me' },
    auth: { options: { host: { title: 'Tieline', type: 'host_token' } } },
    entities: {
      things: {
        title: 'Things',
        actions: { get: { summary: 'Something for tests.', effect: 'read', request: { path: '/thing' } } },
      },
    },
  };
  await writeFile(join(home.definitions, 'inner', 'connector.yaml'), JSON.stringify(definition));
});

afterAll(() => Promise.all([home.close(), provider.close()]));

const jwks = async () => JSON.parse((await home.run(['keys', 'jwks'])).stdout);

describe('tieline keys', () => {
  it('prints the same public keys each time, and nothing that is secret', async () => {
    const { code, stdout, stderr } = await home.run(['keys', 'jwks', '--json']);
    expect(code).toBe(0);
    const { keys } = JSON.parse(stdout);
    expect(keys).toEqual([
      {
        kty: 'EC',
        crv: 'P-256',
        x: expect.any(String),
        y: expect.any(String),
        alg: 'ES256',
        use: 'sig',
        kid: expect.any(String),
      },
    ]);
    expect(stdout + stderr).not.toContain('"d"');
    expect(await jwks()).toEqual({ keys });
  });

  it('are all that an API needs to know who calls; connecting asks nothing', async () => {
    const keys = createLocalJWKSet(await jwks());
    const seen: unknown[] = [];
    provider.answer(async ({ headers }) => {
      const token = String(headers.authorization).slice('Bearer '.length);
      const options = { issuer: ISSUER, audience: provider.origin };
      const verified = await jwtVerify(token, keys, options).catch(() => undefined);
      seen.push(verified?.payload.sub);
      return verified ? { body: {} } : { status: 401 };
    });
    const env = { TIELINE_URL: `${ISSUER}/` };
    const connected = await home.run(['connect', 'inner'], { env });
    expect(connected).toMatchObject({ code: 0, stderr: '' });
    expect((await home.run(['call', 'inner', 'things', 'get'], { env })).code).toBe(0);
    expect(seen).toEqual(['local', 'local']);
    // Another issuer is another Tieline.
    expect(await home.run(['call', 'inner', 'things', 'get'])).toMatchObject({ code: 1 });
  });

  it.each([
    [{}, 'inner: tokens of the issuer tieline, whose public keys are printed by: tieline keys jwks'],
    [
      { TIELINE_URL: `${ISSUER}/` },
      `tokens of the issuer ${ISSUER}, whose public keys are at ${ISSUER}/.well-known/jwks.json`,
    ],
  ])('are said by doctor to be what an API checks by, with %j', async (env, line) => {
    expect((await home.run(['doctor'], { env })).stdout).toContain(line);
  });

  it('are at the address of the server whose tokens they are for, also where nobody has set one', async () => {
    const { server, url, clientKey } = await serveHome(home);
    try {
      const keys = createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`));
      const seen: unknown[] = [];
      provider.answer(async ({ headers }) => {
        const token = String(headers.authorization).slice('Bearer '.length);
        seen.push((await jwtVerify(token, keys, { audience: provider.origin })).payload.iss);
        return { body: {} };
      });
      const made = await fetch(`${url}/api/v1/integrations/connectors`, {
        method: 'POST',
        headers: { 'x-api-key': clientKey, 'content-type': 'application/json' },
        body: JSON.stringify({ customer_name: 'ada', connector_type: 'inner', credentials: {} }),
      });
      expect(made.status).toBe(201);
      expect(seen).toEqual([url]);
    } finally {
      server.child.kill('SIGTERM');
      await server.ended;
    }
  });

  it('puts a new key in front, and keeps the one before', async () => {
    const before = await jwks();
    const { code, stdout } = await home.run(['keys', 'rotate', '--json']);
    const { kid } = JSON.parse(stdout);
    expect({ code, kid: typeof kid }).toEqual({ code: 0, kid: 'string' });
    const after = await jwks();
    expect(after.keys[0].kid).toBe(kid);
    expect(after.keys.slice(1)).toEqual(before.keys);
    expect((await home.run(['keys', 'rotate'])).stdout).toMatch(/^Made the key \S+\. /);
  });

  it('seal all records anew with a new master key, after which the old one can go', async () => {
    const file = join(home.path, 'key');
    const old = (await readFile(file, 'utf8')).trim();
    const fresh = randomBytes(32).toString('base64url');
    await home.connectKey('ada');
    expect(await home.run(['keys', 'rewrap', '--json'])).toMatchObject({ code: 0 });
    await writeFile(file, `${fresh}\n${old}\n`);
    const { code, stdout, stderr } = await home.run(['keys', 'rewrap']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Sealed \d+ records anew with key [0-9a-f]{12}\. No record needs another key any more/);
    await writeFile(file, `${fresh}\n`);
    expect((await home.run(['integrations', 'list'])).stdout).toContain('ada');
    const again = JSON.parse((await home.run(['keys', 'rewrap', '--json'])).stdout);
    expect(again).toMatchObject({ resealed: 0, failed: 0, done: true });
    await writeFile(file, `${old}\n`);
    expect(await home.run(['doctor'])).toMatchObject({ code: 1, stdout: expect.stringContaining('[key_wrong]') });
    await writeFile(file, `${fresh}\n`);
  });
});
