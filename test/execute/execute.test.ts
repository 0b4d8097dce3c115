import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { type Faulty, startFaulty } from '../provider/faulty.ts';
import {
  bob,
  connectorOf,
  failureOf,
  openStage,
  type Provider,
  reading,
  type Stage,
  sandboxConnector,
  startProvider,
  things,
} from './stage.ts';

describe('bad input', () => {
  let faulty: Faulty;
  let stage: Stage;

  beforeAll(async () => {
    faulty = await startFaulty();
    const page = encodeURIComponent('HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html>Please sign in</html>');
    const to = (path: string) => ({ ...reading, request: { path } });
    const redirect = (address: string, more: object = {}) => ({
      ...reading,
      request: { path: '/redirect/302', query: { to: address }, ...more },
    });
    const actions = {
      page: to(`/raw/${page}`),
      huge: to('/json/10000000'),
      private: redirect('http://169.254.169.254/latest/meta-data'),
      inside: redirect('http://127.0.0.1:1/', { followRedirects: true }),
      mapped: redirect('http://[::ffff:127.0.0.1]:1/', { followRedirects: true }),
      need: { ...to('/echo'), params: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } } },
      reset: { ...to('/reset'), retry: { attempts: 1 } },
      garbage: to(`/raw/${encodeURIComponent('SSH-2.0-OpenSSH_9.6\r\n')}`),
      good: to('/echo'),
    };
    stage = await openStage([connectorOf({ server: { baseUrl: faulty.origin }, entities: things(actions) })]);
    await stage.link('sample');
  });

  afterAll(async () => {
    await stage.close();
    await faulty.close();
  });

  it.each([
    ['page', 'upstream_invalid', 'the provider answered with a web page instead of data'],
    ['huge', 'response_too_large', 'answered with more than 8388608 bytes'],
    ['private', 'target_forbidden', 'the provider redirected to another host, 169.254.169.254'],
    ['inside', 'target_forbidden', '127.0.0.1:1'],
    ['mapped', 'target_forbidden', '[::ffff:7f00:1]:1'],
    ['need', 'arguments_invalid', 'the arguments do not fit: id is missing'],
    ['reset', 'upstream_unreachable', 'broke the connection'],
    ['garbage', 'upstream_invalid', 'did not answer in HTTP'],
  ])('is told as it is, and the next call works: %s', async (action, code, message) => {
    const error = await failureOf(stage.call(`things.${action}`));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect((await stage.call('things.good')).data).toMatchObject({ path: '/echo' });
  });
});

describe('a user-set base URL', () => {
  let provider: Provider;

  beforeAll(async () => {
    provider = await startProvider();
  });

  beforeEach(() => {
    provider.seen.length = 0;
  });

  afterAll(() => provider.close());

  it.each([
    ['loopback that nobody opened', () => provider.origin, 'target_forbidden'],
    ['loopback by name', () => provider.origin.replace('127.0.0.1', 'localhost'), 'target_forbidden'],
    ['loopback as a number', () => provider.origin.replace('127.0.0.1', '2130706433'), 'target_forbidden'],
    ['loopback in IPv6', () => provider.origin.replace('127.0.0.1', '[::ffff:127.0.0.1]'), 'target_forbidden'],
    ['metadata', () => 'http://169.254.169.254', 'target_forbidden'],
    ['a private address over https', () => 'https://10.0.0.1', 'target_forbidden'],
    ['a port of another service', () => 'https://8.8.8.8:22', 'target_forbidden'],
    ['plain http', () => 'http://8.8.8.8', 'target_forbidden'],
    ['a user name', () => provider.origin.replace('://', '://user@'), 'arguments_invalid'],
    ['a socket', () => 'unix:/var/run/docker.sock', 'arguments_invalid'],
    ['a file', () => 'file:///etc/passwd', 'arguments_invalid'],
  ])('cannot be %s', async (_, address, code) => {
    const stage = await openStage([await sandboxConnector()], { allowPrivate: [] });
    try {
      const input = { apiKey: 'sandbox-key-1', base_url: address() };
      expect((await failureOf(stage.link('sandbox', { option: 'key', input }))).code).toBe(code);
      expect(provider.seen).toEqual([]);
    } finally {
      await stage.close();
    }
  });

  it('may be what the operator opened', async () => {
    const stage = await openStage([await sandboxConnector()], { allowPrivate: [provider.host] });
    provider.answer(() => ({ body: { id: 'ada', email: 'ada@a.example' } }));
    try {
      await stage.link('sandbox', { option: 'key', input: { apiKey: 'sandbox-key-1', base_url: provider.origin } });
      expect(provider.seen.map((it) => it.path)).toEqual(['/api/v1/me', '/api/v1/me']);
    } finally {
      await stage.close();
    }
  });
});

describe('the sandbox', () => {
  let sandbox: Sandbox;
  let stage: Stage;

  beforeAll(async () => {
    sandbox = await startSandbox();
    stage = await openStage([await sandboxConnector()], {
      app: { baseUrl: sandbox.url, clientId: '', clientSecret: '' },
    });
    for (const person of ['ada', 'grace']) {
      await stage.link('sandbox', { option: 'key', input: { apiKey: sandbox.apiKey(person) }, identifier: person });
    }
    await stage.link('sandbox', { who: bob, option: 'key', input: { apiKey: sandbox.apiKey('grace') } });
  });

  afterAll(async () => {
    await stage.close();
    await sandbox.close();
  });

  it('is called as the account that is named, else as the default one', async () => {
    const ids = async (...more: Parameters<Stage['call']>[2][]) =>
      Promise.all(more.map(async (it) => ((await stage.call('profile.get', {}, it)).data as { id: string }).id));
    expect(await ids({}, { identifier: 'grace' }, { identifier: 'ada' }, { who: bob })).toEqual([
      'ada',
      'grace',
      'ada',
      'grace',
    ]);
    const { meta } = await stage.call('profile.get', {}, { identifier: 'grace' });
    expect(meta).toEqual({ integration: 'grace', account: 'grace@sandbox.example' });
  });

  it('never serves a name that is not there by another account', async () => {
    for (const who of [undefined, bob]) {
      const before = sandbox.observed.apiCalls.length;
      const identifier = who ? 'ada' : 'main';
      const error = await failureOf(stage.call('profile.get', {}, { identifier, ...(who && { who }) }));
      expect(error.code).toBe('integration_unknown');
      expect(error.hint).not.toContain(who ? 'ada' : 'main');
      expect(sandbox.observed.apiCalls).toHaveLength(before);
    }
  });

  it('keeps what is written, changed and deleted', async () => {
    const made = await stage.call('tickets.create', { title: 'Ünïcode 🎉', labels: ['a', 'b'] });
    expect(made.data).toMatchObject({ title: 'Ünïcode 🎉', priority: 'normal', labels: ['a', 'b'] });
    const { id: ticketId } = made.data as { id: string };
    await stage.call('tickets.update', { ticketId, state: 'closed' });
    await stage.call('comments.create', { ticketId, body: 'Done' });
    const { data } = await stage.call('tickets.get', { ticketId });
    expect(data).toMatchObject({ ticket: { state: 'closed' }, comments: [{ body: 'Done' }] });
    expect((await stage.call('tickets.delete', { ticketId })).data).toEqual({ deleted: ticketId });
    expect((await failureOf(stage.call('tickets.get', { ticketId }))).code).toBe('not_found');
  });

  it('gives back the bytes of a file', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const name = 'Größe "1"\r\nX-Evil: 1.bin';
    const { data } = await stage.call('files.upload', { file: { name, base64: bytes.toString('base64') } });
    const { id: fileId } = data as { id: string };
    const { file, data: about } = await stage.call('files.download', { fileId });
    expect(Buffer.from(file?.bytes ?? [])).toEqual(bytes);
    expect(about).toMatchObject({ mimeType: 'application/octet-stream', bytes: 256 });
  });

  it('may fail with 200', async () => {
    expect((await stage.call('status.get')).data).toEqual({ ok: true });
    const error = await failureOf(stage.call('status.get', { fail: true }));
    expect(error).toMatchObject({ code: 'upstream_failed', message: 'the provider answered 200: maintenance' });
  });

  it('is reached by an alias too', async () => {
    const { data } = await stage.call('messages.create', { to: 'grace@sandbox.example', subject: 'Hi' });
    expect(data).toMatchObject({ subject: 'Hi' });
  });

  it.each([
    ['tickets.burn', 'action_unknown', /Use one of: .*tickets\.list/],
    ['nothing.list', 'action_unknown', /Use one of: .*tickets/],
    ['__proto__.list', 'action_unknown', /Use one of/],
    ['tickets.constructor', 'action_unknown', /Use one of/],
  ])('has no action %s', async (pair, code, hint) => {
    const error = await failureOf(stage.call(pair));
    expect(error.code).toBe(code);
    expect(error.hint).toMatch(hint);
  });

  it('is not called for another connector', async () => {
    const error = await failureOf(stage.call('tickets.list', {}, { connector: 'sandbx' }));
    expect(error).toMatchObject({ code: 'connector_unknown', hint: 'Did you mean sandbox?' });
  });
});
