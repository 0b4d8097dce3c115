import { once } from 'node:events';
import { get } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { meStatus, oauthClient } from './client.ts';

const sockets = () => process.getActiveResourcesInfo().filter((it) => it.startsWith('TCP')).length;

describe('startSandbox', () => {
  it('leaves no open handle after close, and its port is free again', async () => {
    const before = sockets();
    const first = await startSandbox();
    await (await oauthClient(first)).link('ada');
    expect(sockets()).toBeGreaterThan(before);
    await first.close();
    await expect.poll(sockets).toBe(before);
    const again = await startSandbox({ port: Number(new URL(first.url).port) });
    expect(again.url).toBe(first.url);
    await again.close();
  });

  it('refuses a port that is taken, with what to do', async () => {
    const first = await startSandbox();
    const port = Number(new URL(first.url).port);
    await expect(startSandbox({ port })).rejects.toMatchObject({
      code: 'usage',
      hint: expect.stringContaining('port'),
    });
    await first.close();
  });

  it('closes while a request is under way', async () => {
    const sandbox = await startSandbox();
    const socket = connect(Number(new URL(sandbox.url).port), '127.0.0.1');
    const ended = once(socket, 'close');
    socket.on('error', () => undefined);
    // The body never comes; `100 Continue` says that the request has arrived.
    socket.write('POST /oauth/token HTTP/1.1\r\nHost: sandbox\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n');
    await once(socket, 'data');
    await sandbox.close();
    await ended;
  });

  it.each([
    '/oauth',
    '/oauth/',
    '/oauth//',
    '/oauth//[',
    '/oauth/authorize',
    '/oauth/..//',
    '//',
    '/api/v1//',
    '/%',
    '*',
  ])('answers a request for %s and goes on', async (path) => {
    const sandbox = await startSandbox();
    const { hostname, port } = new URL(sandbox.url);
    const [response] = await once(get({ hostname, port, path, headers: { accept: 'text/html' } }), 'response');
    expect(response.statusCode).toBeGreaterThanOrEqual(400);
    expect(response.statusCode).toBeLessThan(500);
    expect((await fetch(`${sandbox.url}/api/v1/me`)).status).toBe(401);
    await sandbox.close();
  });

  it('holds equal data at each start, and knows no token of another', async () => {
    const both = await Promise.all([startSandbox(), startSandbox()]);
    const [first, second] = await Promise.all(
      both.map(async (it) => {
        const response = await fetch(`${it.url}/api/v1/tickets`, { headers: { 'x-api-key': it.apiKey('grace') } });
        return response.json();
      }),
    );
    expect(first).toEqual(second);
    const { access_token } = await (await oauthClient(both[0])).link('ada');
    expect(await meStatus(both[1], access_token)).toBe(401);
    expect(both[0].clientSecret).not.toBe(both[1].clientSecret);
    await Promise.all(both.map((it) => it.close()));
  });

  it('lets access tokens expire after their time', async () => {
    const sandbox = await startSandbox({ accessTokenTtl: 1 });
    const client = await oauthClient(sandbox);
    const tokens = await client.link('ada');
    expect(tokens.expires_in).toBe(1);
    await expect.poll(() => meStatus(sandbox, tokens.access_token), { timeout: 10_000 }).toBe(401);
    const renewed = await client.refresh(tokens.refresh_token);
    expect(renewed.access_token).not.toBe(tokens.access_token);
    await sandbox.close();
  });
});
