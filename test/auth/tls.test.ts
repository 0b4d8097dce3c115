import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createSender } from '../../src/network/send.ts';
import { connectorOf, failureOf, openStage } from '../execute/stage.ts';
import { FAULTY_CA, startFaulty } from '../provider/faulty.ts';
import { CERTIFICATE, KEY } from '../sql/certificate.ts';

/** An API over TLS that answers who the client's certificate is for. */
async function startApi(options: ServerOptions = {}): Promise<string> {
  const server = createServer({ cert: CERTIFICATE, key: KEY, ...options }, (request, response) => {
    const socket = request.socket as TLSSocket;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ client: socket.authorized ? socket.getPeerCertificate().subject.CN : null }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function call(server: object, option: object = { type: 'none' }, input: Record<string, string> = {}) {
  const properties = { ca: { type: 'string' }, cert: { type: 'string' }, key: { type: 'string', secret: true } };
  const it = { title: 'It', ui: { schema: { type: 'object', properties } }, ...option };
  const stage = await openStage([connectorOf({ server, auth: { options: { it } } })]);
  onTestFinished(() => stage.close());
  await stage.link('sample', { input });
  return (await stage.call('things.get')).data;
}

describe('a trusted authority', () => {
  it('is trusted at the base URL, and only where it is named', async () => {
    const baseUrl = await startApi();
    const trusting = { baseUrl, trustedCa: '{{ input.ca }}' };
    expect(await call(trusting, undefined, { ca: CERTIFICATE })).toEqual({ client: null });
    const untrusted = await failureOf(call(trusting));
    expect(untrusted).toMatchObject({ code: 'upstream_unreachable', message: expect.stringContaining('trusted') });
  });

  it('replaces the usual authorities, and does not vouch for other hosts', async () => {
    const other = await startFaulty({ tls: true });
    onTestFinished(() => other.close());
    const error = await failureOf(call({ baseUrl: other.origin, trustedCa: CERTIFICATE }));
    expect(error.code).toBe('upstream_unreachable');
  });
});

it('connections of one account never serve another that trusts or shows something else', async () => {
  const url = new URL(await startApi());
  const sender = createSender({ allowPrivate: ['127.0.0.1'] });
  onTestFinished(() => sender.close());
  const send = (ca: string) =>
    sender.send({ method: 'GET', url, headers: {} }, { allowedHosts: new Set([url.host]), tls: { ca } });
  expect((await send(CERTIFICATE)).status).toBe(200);
  expect((await send(CERTIFICATE)).status).toBe(200);
  expect((await failureOf(send(FAULTY_CA))).code).toBe('upstream_unreachable');
});

describe('a client certificate', () => {
  const mutual = { requestCert: true, rejectUnauthorized: true, ca: CERTIFICATE };
  const input = { cert: CERTIFICATE, key: KEY };

  it('of an mtls option is shown, and the server still verified', async () => {
    const baseUrl = await startApi(mutual);
    expect(await call({ baseUrl, trustedCa: CERTIFICATE }, { type: 'mtls' }, input)).toEqual({ client: 'localhost' });
    expect((await failureOf(call({ baseUrl }, { type: 'mtls' }, input))).message).toContain('could not be trusted');
  });

  it('may come with any other option', async () => {
    const baseUrl = await startApi(mutual);
    const clientCertificate = { cert: '{{ input.cert }}', key: '{{ secrets.key }}' };
    const server = { baseUrl, trustedCa: CERTIFICATE, clientCertificate };
    expect(await call(server, { type: 'bearer', token: 'a-token' }, input)).toEqual({ client: 'localhost' });
  });

  it('is wanted by this server', async () => {
    const baseUrl = await startApi(mutual);
    expect((await failureOf(call({ baseUrl, trustedCa: CERTIFICATE }))).code).toBe('upstream_unreachable');
  });

  it('that is none, or has no key, is refused without a word of it', async () => {
    const baseUrl = await startApi(mutual);
    const connect = (more: object) =>
      failureOf(call({ baseUrl, trustedCa: CERTIFICATE }, { type: 'mtls' }, { ...input, ...more }));
    const [cert, key] = [await connect({ cert: 'no certificate' }), await connect({ key: 'my-secret-key' })];
    expect([cert.code, key.code]).toEqual(['arguments_invalid', 'arguments_invalid']);
    expect(`${key.message}${key.hint}`).not.toContain('my-secret-key');
  });
});
