import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AuditRecord, fileAudit } from '../../src/execute/audit.ts';
import { alice, bob, connectorOf, failureOf, openStage, reading, startProvider, TOKEN, things } from './stage.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tieline-audit-'));
});

afterEach(() => rm(folder, { recursive: true }));

const record: AuditRecord = {
  at: '2026-11-21T12:00:00.000Z',
  organization: 'acme',
  user: 'alice',
  connector: 'sample',
  entity: 'things',
  action: 'get',
  outcome: 'ok',
  ms: 7,
};
const onError = (error: Error) => {
  throw error;
};

describe('fileAudit', () => {
  it('adds a line for each record, whatever stands in it', async () => {
    const file = join(folder, 'audit.jsonl');
    const records = [record, { ...record, user: 'a\nb"\u2028', outcome: 'not_found', integration: 'main' }];
    for (const it of records) {
      const audit = fileAudit(file, onError);
      audit.write(it);
      await audit.close();
    }
    const lines = (await readFile(file, 'utf8')).split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((it) => JSON.parse(it))).toEqual(records);
  });

  it.runIf(process.platform !== 'win32')('is for its owner only', async () => {
    const audit = fileAudit(join(folder, 'audit.jsonl'), onError);
    audit.write(record);
    await audit.close();
    expect((await stat(join(folder, 'audit.jsonl'))).mode & 0o777).toBe(0o600);
  });

  it('makes no file before there is something to write', async () => {
    await fileAudit(join(folder, 'audit.jsonl'), onError).close();
    await expect(stat(join(folder, 'audit.jsonl'))).rejects.toThrow('ENOENT');
  });

  it('tells once that it cannot write, and lets the calls go on', async () => {
    const told: Error[] = [];
    const audit = fileAudit(join(folder, 'nowhere', 'audit.jsonl'), (error) => told.push(error));
    audit.write(record);
    await expect.poll(() => told.length).toBe(1);
    audit.write(record);
    await audit.close();
    expect(told).toMatchObject([{ code: 'store_unavailable' }]);
  });
});

describe('a call', () => {
  const actions = {
    get: {
      ...reading,
      params: { type: 'object', properties: { id: { type: 'string' } } },
      request: { path: '/{{ args.id }}' },
    },
    odd: { ...reading, request: { path: '/ok' }, result: { value: '{{ response.body.a.b }}' } },
  };

  it('leaves one record of who did what as which account, and how it ended', async () => {
    const provider = await startProvider();
    const stage = await openStage([connectorOf({ server: { baseUrl: provider.origin }, entities: things(actions) })]);
    try {
      await stage.link('sample');
      provider.answer(({ path }) => ({ status: path === '/gone' ? 404 : 200, body: { marker: 'result-text' } }));
      await stage.call('things.get', { id: 'argument-text' });
      await failureOf(stage.call('things.get', { id: 'gone' }));
      await failureOf(stage.call('things.get', { other: 1 }));
      await failureOf(stage.call('things.make'));
      await failureOf(stage.call('things.get', { id: 'x' }, { identifier: 'nobody' }));
      await failureOf(stage.call('things.get', { id: 'x' }, { who: bob }));
      await failureOf(stage.call('things.odd'));
      await failureOf(stage.call('things.get', { id: 'x' }, { who: { ...alice, scopes: new Set() } }));
      const calls = stage.audit.map(({ user, entity, action, integration, outcome }) => [
        user,
        `${entity}.${action}`,
        integration,
        outcome,
      ]);
      expect(calls).toEqual([
        ['alice', 'things.get', 'main', 'ok'],
        ['alice', 'things.get', 'main', 'not_found'],
        ['alice', 'things.get', undefined, 'arguments_invalid'],
        ['alice', 'things.make', undefined, 'action_unknown'],
        ['alice', 'things.get', undefined, 'integration_unknown'],
        ['bob', 'things.get', undefined, 'integration_required'],
        ['alice', 'things.odd', 'main', 'expression_failed'],
        ['alice', 'things.get', undefined, 'policy_denied'],
      ]);
      const text = JSON.stringify(stage.audit);
      for (const private_ of ['argument-text', 'result-text', TOKEN]) expect(text).not.toContain(private_);
      for (const { at, ms, organization, connector } of stage.audit) {
        expect(new Date(at).toISOString()).toBe(at);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect([organization, connector]).toEqual(['acme', 'sample']);
      }
    } finally {
      await stage.close();
      await provider.close();
    }
  });
});
