import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientDocuments } from '../../../src/http/authserver/clientdocument.ts';
import { createSender } from '../../../src/network/send.ts';
import { CERTIFICATE, KEY } from '../../sql/certificate.ts';

const requests: string[] = [];
const sender = createSender({ allowPrivate: ['localhost', '127.0.0.1'] }, { ca: CERTIFICATE });
let server: Server;
let origin: string;

beforeAll(async () => {
  server = createServer({ key: KEY, cert: CERTIFICATE }, (request, response) => {
    const path = request.url ?? '';
    requests.push(path);
    if (path.startsWith('/slow')) return;
    if (path === '/gone') return void response.writeHead(404).end();
    const document = { client_id: `${origin}${path}`, client_name: 'Agent', redirect_uris: ['http://localhost/cb'] };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `https://localhost:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await sender.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('client documents', () => {
  it('that could not be used are not fetched again at once', async () => {
    const fetchDocument = clientDocuments({ sender });
    for (let i = 0; i < 5; i++) expect((await fetchDocument(`${origin}/gone`)).status).toBe(502);
    expect(requests.filter((it) => it === '/gone')).toHaveLength(1);
  });

  it('that hang keep few places, and nobody else waiting', async () => {
    const fetchDocument = clientDocuments({ sender });
    const hanging = Array.from({ length: 60 }, (_, i) => fetchDocument(`${origin}/slow${i}`));
    const beganAt = performance.now();
    expect((await fetchDocument(`${origin}/agent`)).status).toBe(200);
    expect(performance.now() - beganAt).toBeLessThan(3_000);
    expect(new Set((await Promise.all(hanging)).map((it) => it.status))).toEqual(new Set([502]));
    expect(requests.filter((it) => it.startsWith('/slow')).length).toBeLessThan(20);
  });
});
