import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileInfo, Message, Ticket } from '../../src/sandbox/data.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';

let sandbox: Sandbox;

beforeEach(async () => {
  sandbox = await startSandbox();
});
afterEach(() => sandbox.close());

type Answer<Body> = { status: number; headers: Headers; body: Body };

/** Calls the API as this person; an object body goes as JSON. */
async function call<Body = unknown>(
  who: string,
  line: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer<Body>> {
  const [method = 'GET', path = '/'] = line.split(' ');
  const sent = body === undefined || body instanceof FormData || typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(path.startsWith('http') ? path : `${sandbox.url}/api/v1${path}`, {
    method,
    headers: { 'x-api-key': sandbox.apiKey(who), ...headers },
    ...(sent === undefined ? {} : { body: sent }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

type Listed<Row> = { items: Row[]; next: string | null; total: number; page: number };

const tickets = (who: string, query = '') => call<Listed<Ticket>>(who, `GET /tickets?limit=100${query}`);

describe('who calls', () => {
  it.each([
    ['no credentials', {}, 'token_missing', 'Bearer realm="sandbox"'],
    ['an unknown token', { authorization: 'Bearer nonsense' }, 'invalid_token', /error="invalid_token"/],
    ['an unknown key', { 'x-api-key': 'nonsense' }, 'invalid_token', /error="invalid_token"/],
    ['another scheme', { authorization: 'Basic YTpi' }, 'token_missing', 'Bearer realm="sandbox"'],
  ])('401 for %s', async (_, headers: Record<string, string>, code, challenge) => {
    const response = await fetch(`${sandbox.url}/api/v1/me`, { headers });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(challenge);
    expect(await response.json()).toEqual({ error: { code, message: expect.any(String) } });
  });

  it.each([
    ['X-Api-Key', (key: string) => ({ 'x-api-key': key })],
    ['a bearer token', (key: string) => ({ authorization: `Bearer ${key}` })],
  ])('accepts a static key as %s', async (_, headers) => {
    const response = await fetch(`${sandbox.url}/api/v1/me`, { headers: headers(sandbox.apiKey('grace')) });
    expect(await response.json()).toMatchObject({ id: 'grace' });
  });

  it('gives no key to an unknown person', () => {
    expect(() => sandbox.apiKey('mallory')).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});

describe('routes', () => {
  const aTicket = { title: 'A lamp', body: 'is out', state: 'open', priority: 'high', labels: ['bug'] };
  it.each<[string, unknown, number, object | undefined]>([
    ['GET /me', undefined, 200, { id: 'ada', name: 'Ada Lovelace', email: 'ada@sandbox.example' }],
    ['GET /tickets', undefined, 200, { next: expect.any(String) }],
    ['GET /tickets/{ticket}', undefined, 200, { id: expect.stringMatching(/^tkt_/), state: 'open' }],
    ['POST /tickets', { title: 'New' }, 201, { title: 'New', body: '', state: 'open', priority: 'normal', labels: [] }],
    ['PATCH /tickets/{ticket}', aTicket, 200, aTicket],
    ['DELETE /tickets/{ticket}', undefined, 204, undefined],
    ['GET /tickets/{ticket}/comments', undefined, 200, { items: [] }],
    ['POST /tickets/{ticket}/comments', { body: 'Yes' }, 201, { body: 'Yes', author: 'ada@sandbox.example' }],
    ['GET /messages', undefined, 200, { page: 1, perPage: 10, total: 31 }],
    ['GET /messages/{message}', undefined, 200, { to: 'ada@sandbox.example' }],
    ['POST /messages', { to: 'a@b.example', subject: 'Hi' }, 201, { from: 'ada@sandbox.example', subject: 'Hi' }],
    ['GET /files', undefined, 200, { total: 9 }],
    ['GET /files/{file}', undefined, 200, { contentType: 'text/plain; charset=utf-8' }],
    ['DELETE /files/{file}', undefined, 204, undefined],
    ['GET /status', undefined, 200, { ok: true }],
    ['GET /status?fail=1', undefined, 200, { ok: false, error: 'maintenance' }],
    ['GET /tickets/tkt_1', undefined, 404, { error: { code: 'not_found' } }],
    ['PATCH /tickets/tkt_1', {}, 404, { error: { code: 'not_found' } }],
    ['DELETE /tickets/tkt_1', undefined, 404, { error: { code: 'not_found' } }],
    ['GET /tickets/tkt_1/comments', undefined, 404, { error: { code: 'not_found' } }],
    ['POST /tickets/tkt_1/comments', { body: 'x' }, 404, { error: { code: 'not_found' } }],
    ['GET /messages/msg_1', undefined, 404, { error: { code: 'not_found' } }],
    ['GET /files/file_1', undefined, 404, { error: { code: 'not_found' } }],
    ['GET /files/file_1/content', undefined, 404, { error: { code: 'not_found' } }],
    ['DELETE /files/file_1', undefined, 404, { error: { code: 'not_found' } }],
    ['GET /nothing', undefined, 404, { error: { code: 'not_found' } }],
    ['POST /tickets', {}, 422, { error: { code: 'validation_failed', fields: { title: expect.any(String) } } }],
    ['POST /tickets', { title: 'x', colour: 'red' }, 422, { error: { fields: { colour: expect.any(String) } } }],
    ['POST /tickets', '{', 400, { error: { code: 'body_invalid' } }],
    ['PATCH /tickets/{ticket}', { state: 'gone' }, 422, { error: { fields: { state: expect.any(String) } } }],
    ['POST /tickets/{ticket}/comments', { body: ' ' }, 422, { error: { fields: { body: expect.any(String) } } }],
    [
      'POST /messages',
      { to: 'nobody' },
      422,
      { error: { fields: { to: expect.any(String), subject: expect.any(String) } } },
    ],
    ['POST /files', {}, 422, { error: { fields: { file: expect.any(String) } } }],
    ['GET /tickets?limit=0', undefined, 422, { error: { fields: { limit: expect.any(String) } } }],
    ['GET /tickets?cursor=x', undefined, 422, { error: { fields: { cursor: expect.any(String) } } }],
    ['GET /tickets?state=gone', undefined, 422, { error: { fields: { state: expect.any(String) } } }],
    ['GET /messages?page=x', undefined, 422, { error: { fields: { page: expect.any(String) } } }],
    ['GET /files?offset=-1', undefined, 422, { error: { fields: { offset: expect.any(String) } } }],
  ])('%s %j: %i', async (line, body, status, expected) => {
    const firstOf = async (list: string) => (await call<Listed<{ id: string }>>('ada', list)).body.items[1]?.id ?? '';
    const filled = line
      .replace('{ticket}', await firstOf('GET /tickets'))
      .replace('{message}', await firstOf('GET /messages'))
      .replace('{file}', (await call<Listed<FileInfo>>('ada', 'GET /files')).body.items[0]?.id ?? '');
    const answer = await call('ada', filled, body);
    expect(answer.status).toBe(status);
    if (expected === undefined) expect(answer.body).toBeUndefined();
    else expect(answer.body).toMatchObject(expected);
  });

  it('keeps what a write changed', async () => {
    const { body: made } = await call<Ticket>('ada', 'POST /tickets', { title: 'Lamp' });
    await call('ada', `PATCH /tickets/${made.id}`, { state: 'closed' });
    await call('ada', `POST /tickets/${made.id}/comments`, { body: 'Done' });
    expect((await call('ada', `GET /tickets/${made.id}`)).body).toMatchObject({ title: 'Lamp', state: 'closed' });
    expect((await call('ada', `GET /tickets/${made.id}/comments`)).body).toMatchObject({ items: [{ body: 'Done' }] });
    await call('ada', `DELETE /tickets/${made.id}`);
    expect((await call('ada', `GET /tickets/${made.id}`)).status).toBe(404);
  });

  it('filters tickets by state and text', async () => {
    const closed = (await tickets('ada', '&state=closed')).body.items;
    expect(closed.map((it) => it.state)).toEqual(Array(6).fill('closed'));
    const found = (await tickets('ada', '&q=BUOY')).body.items;
    expect(found.length).toBeGreaterThan(0);
    for (const ticket of found) expect(ticket.title).toContain('Buoy');
  });

  it('echoes a request with its secrets masked', async () => {
    const authorization = `Bearer ${sandbox.apiKey('ada')}`;
    const { body } = await call('ada', 'GET /echo?a=1&a=2&b=', undefined, { authorization, 'x-trace': 'seen' });
    expect(body).toMatchObject({
      method: 'GET',
      query: { a: ['1', '2'], b: [''] },
      headers: { authorization: 'Bearer ***', 'x-api-key': '***', 'x-trace': 'seen' },
    });
    expect(JSON.stringify(body)).not.toContain(sandbox.apiKey('ada'));
  });
});

describe('idempotency', () => {
  it.each([
    ['/tickets', { title: 'Once' }, { title: 'Twice' }],
    ['/messages', { to: 'a@b.example', subject: 'Once' }, { to: 'a@b.example', subject: 'Twice' }],
  ])('POST %s does a keyed request once', async (path, request, another) => {
    const key = { 'idempotency-key': 'k1' };
    const post = (who: string, body: unknown, headers = {}) => call<Ticket>(who, `POST ${path}`, body, headers);
    const together = await Promise.all([post('ada', request, key), post('ada', request, key)]);
    const again = await post('ada', request, key);
    expect(new Set([...together, again].map((it) => it.body.id)).size).toBe(1);
    expect((await post('ada', another, key)).body).toMatchObject({ error: { code: 'idempotency_key_reused' } });
    expect((await post('grace', request, key)).body.id).not.toBe(again.body.id);
    expect((await post('ada', request)).body.id).not.toBe(again.body.id);
  });
});

describe('pagination to the end', () => {
  it.each([1, 5, 24, 100])('tickets by cursor, %i at a time', async (limit) => {
    const seen: string[] = [];
    let cursor = '';
    for (;;) {
      const { body } = await call<Listed<Ticket>>('ada', `GET /tickets?limit=${limit}${cursor}`);
      seen.push(...body.items.map((it) => it.id));
      if (body.next === null) break;
      cursor = `&cursor=${body.next}`;
    }
    expect(seen).toEqual((await tickets('ada')).body.items.map((it) => it.id));
    expect(new Set(seen).size).toBe(24);
  });

  it('a cursor neither repeats nor skips rows while others come and go', async () => {
    const all = (await tickets('ada')).body.items.map((it) => it.id);
    const first = (await call<Listed<Ticket>>('ada', 'GET /tickets?limit=5')).body;
    await call('ada', 'POST /tickets', { title: 'Newer' });
    await call('ada', `DELETE /tickets/${first.items[4]?.id}`);
    const rest = (await tickets('ada', `&cursor=${first.next}`)).body.items;
    expect([...first.items, ...rest].map((it) => it.id)).toEqual(all);
  });

  it('messages by page', async () => {
    const pages = await Promise.all(
      [1, 2, 3, 4, 5].map((page) => call<Listed<Message>>('ada', `GET /messages?page=${page}`)),
    );
    expect(pages.map((it) => it.body.items.length)).toEqual([10, 10, 10, 1, 0]);
    expect(new Set(pages.flatMap((it) => it.body.items.map((message) => message.id))).size).toBe(31);
  });

  it('files by Link header', async () => {
    const seen: string[] = [];
    let next: string | undefined = '/files?limit=4';
    let last = '';
    while (next !== undefined) {
      const answer: Answer<Listed<FileInfo>> = await call('ada', `GET ${next}`);
      seen.push(...answer.body.items.map((it) => it.id));
      last = answer.headers.get('link') ?? '';
      next = /<([^>]*)>; rel="next"/.exec(last)?.[1];
    }
    expect(new Set(seen).size).toBe(9);
    expect(last).toMatch(/limit=4&offset=0>; rel="first", <[^>]*limit=4&offset=4>; rel="prev"$/);
  });

  it('one page of files has no links', async () => {
    expect((await call('ada', 'GET /files?limit=100')).headers.get('link')).toBeNull();
  });
});

describe('files', () => {
  it('come with their type and exact bytes', async () => {
    const { items } = (await call<Listed<FileInfo>>('ada', 'GET /files?limit=100')).body;
    expect(new Set(items.map((it) => it.contentType)).size).toBe(3);
    for (const { id, contentType, size } of items) {
      const response = await fetch(`${sandbox.url}/api/v1/files/${id}/content`, {
        headers: { 'x-api-key': sandbox.apiKey('ada') },
      });
      const bytes = new Uint8Array(await response.arrayBuffer());
      expect(response.headers.get('content-type')).toBe(contentType);
      expect(bytes.length).toBe(size);
      if (contentType === 'image/png') expect(Buffer.from(bytes.subarray(0, 4)).toString('latin1')).toBe('\x89PNG');
    }
  });

  it('come back as they were uploaded', async () => {
    const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => at % 256);
    const form = new FormData();
    form.set('file', new Blob([bytes], { type: 'application/x-thing' }), 'naïve "name".bin');
    const { status, body } = await call<FileInfo>('ada', 'POST /files', form);
    expect(status).toBe(201);
    expect(body).toMatchObject({ name: 'naïve "name".bin', contentType: 'application/x-thing', size: 70_000 });
    const response = await fetch(`${sandbox.url}/api/v1/files/${body.id}/content`, {
      headers: { 'x-api-key': sandbox.apiKey('ada') },
    });
    expect(response.headers.get('content-type')).toBe('application/x-thing');
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it('have a largest size', async () => {
    const form = new FormData();
    form.set('file', new Blob([new Uint8Array(10 * 1024 * 1024 + 1)]), 'large.bin');
    const { status, body } = await call('ada', 'POST /files', form);
    expect([status, body]).toEqual([413, { error: { code: 'too_large', message: expect.any(String) } }]);
  });
});

describe('two people', () => {
  it('never see each other’s rows', async () => {
    const lists = ['/tickets?limit=100', '/messages?perPage=100', '/files?limit=100'];
    for (const list of lists) {
      const ids = async (who: string) =>
        (await call<Listed<{ id: string }>>(who, `GET ${list}`)).body.items.map((it) => it.id);
      const [ada, grace] = await Promise.all([ids('ada'), ids('grace')]);
      expect(ada.length).toBeGreaterThan(0);
      expect(grace.length).toBe(ada.length);
      expect(grace.filter((id) => ada.includes(id))).toEqual([]);
      const kind = list.slice(0, list.indexOf('?'));
      for (const id of ada) {
        const unknown = await call('grace', `GET ${kind}/nobodys`);
        const foreign = await call('grace', `GET ${kind}/${id}`);
        expect([foreign.status, foreign.body]).toEqual([unknown.status, unknown.body]);
      }
    }
  });

  it.each([
    ['PATCH', '', { title: 'mine now' }],
    ['DELETE', '', undefined],
    ['GET', '/comments', undefined],
    ['POST', '/comments', { body: 'hello' }],
  ])('%s a ticket%s of the other: 404, nothing changed', async (method, rest, body) => {
    const before = (await tickets('ada')).body;
    const answer = await call('grace', `${method} /tickets/${before.items[0]?.id}${rest}`, body);
    expect(answer.status).toBe(404);
    expect((await tickets('ada')).body).toEqual(before);
  });
});

describe('rate limit', () => {
  it('counts per person, and tells how long to wait', async () => {
    await sandbox.close();
    sandbox = await startSandbox({ callsPerMinute: 3 });
    const remaining = [];
    for (let n = 0; n < 3; n++) {
      const { status, headers } = await call('ada', 'GET /me');
      expect(status).toBe(200);
      expect(headers.get('x-ratelimit-limit')).toBe('3');
      remaining.push(headers.get('x-ratelimit-remaining'));
    }
    expect(remaining).toEqual(['2', '1', '0']);
    const refused = await call('ada', 'GET /me');
    expect(refused).toMatchObject({ status: 429, body: { error: { code: 'rate_limited' } } });
    const wait = Number(refused.headers.get('retry-after'));
    expect(wait).toBeGreaterThanOrEqual(1);
    expect(wait).toBeLessThanOrEqual(60);
    expect(Number(refused.headers.get('x-ratelimit-reset'))).toBeGreaterThan(1_700_000_000);
    expect((await call('grace', 'GET /me')).status).toBe(200);
  });
});

describe('observed calls', () => {
  it('tell who called what, with which outcome', async () => {
    await call('ada', 'GET /tickets?limit=1');
    await call('grace', 'GET /tickets/tkt_1');
    await fetch(`${sandbox.url}/api/v1/me`);
    const at = expect.any(Number);
    expect(sandbox.observed.apiCalls).toEqual([
      { method: 'GET', path: '/api/v1/tickets', person: 'ada', status: 200, at },
      { method: 'GET', path: '/api/v1/tickets/tkt_1', person: 'grace', status: 404, at },
      { method: 'GET', path: '/api/v1/me', status: 401, at },
    ]);
  });
});
