import type { ServerContext } from '@modelcontextprotocol/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectAccount } from '../../src/execute/connect.ts';
import { revokeIntegration } from '../../src/execute/revoke.ts';
import { addPendingIntegration } from '../../src/integration/accounts.ts';
import { runAction } from '../../src/mcp/call.ts';
import { alice, bob, connectorOf, type Provider, reading, startProvider, things } from '../execute/stage.ts';
import { type HttpStage, openHttpStage } from '../http/stage.ts';

let provider: Provider;
let stage: HttpStage;

beforeAll(async () => {
  provider = await startProvider();
  const request = { path: '/thing', method: 'POST' };
  const step = (id: string, one: object) => ({ id, request: one });
  const writing = { ...reading, effect: 'create' };
  const actions = {
    get: { ...reading, request: { path: '/thing' } },
    create: { ...writing, request },
    upload: { ...writing, steps: [step('begin', request), step('end', request)] },
    reply: { ...writing, steps: [step('original', { path: '/thing' }), step('sent', request)] },
    spread: { ...writing, request, expand: { over: '{{ [1, 2] }}', request } },
  };
  const own = connectorOf({ server: { baseUrl: provider.origin }, entities: things(actions) });
  const proxy = { title: 'Of another', type: 'proxy', connector: 'sample' };
  const parts = { connector: 'borrower', server: { baseUrl: provider.origin }, auth: { options: { other: proxy } } };
  stage = await openHttpStage({ connectors: [own, connectorOf({ ...parts, entities: things({ get: actions.get }) })] });
});
afterAll(async () => {
  await stage.close();
  await provider.close();
});

const mcpReq = { signal: new AbortController().signal, notify: async () => {} } as unknown as ServerContext['mcpReq'];

const run = (tool: string, args = {}, who = alice) => {
  const action = stage.engine.catalog.actionOfTool(tool);
  if (!action) throw new Error(`no tool ${tool}`);
  return runAction(stage.engine, who, action, args, mcpReq);
};

describe('a call that lacks an account', () => {
  it('tells which one, by the name that was asked for or that waits already', async () => {
    const need = { failure: { code: 'integration_required' }, mayRepeat: true };
    expect(await run('sample_things_upload', {}, bob)).toMatchObject({ ...need, wanted: { connector: 'sample' } });
    const waiting = { connector: 'sample', identifier: 'work', option: 'token', settings: {}, createdAt: Date.now() };
    await addPendingIntegration(stage.keystore, bob, { ...waiting, pendingUntil: Date.now() + 3_600_000 });
    const wanted = { connector: 'sample', identifier: 'work' };
    expect(await run('sample_things_get', {}, bob)).toMatchObject({ ...need, wanted });
    expect(await run('sample_things_get', { integration: 'work' }, bob)).toMatchObject({ ...need, wanted });
  });

  it('is no call with a name that is not there', async () => {
    await expect(run('sample_things_get', { integration: 'other' }, bob)).rejects.toMatchObject({
      code: 'integration_unknown',
    });
  });
});

describe('a call whose account has to be linked anew', () => {
  let id: string;
  beforeAll(async () => {
    const input = { token: 'alice-token-0123456789' };
    const linked = await connectAccount(stage.engine, alice, { connector: 'sample', identifier: 'main', input });
    id = linked.integration.id;
    await connectAccount(stage.engine, alice, { connector: 'borrower', identifier: 'mine', input: {} });
    await revokeIntegration(stage.engine, alice, stage.engine.catalog.connector('sample'), 'main');
  });

  it.each([
    ['sample_things_get', true],
    ['sample_things_create', true],
    ['sample_things_reply', true],
    // Some of it may have been done.
    ['sample_things_upload', false],
    ['sample_things_spread', false],
  ])('%s may be made again by itself: %s', async (tool, mayRepeat) => {
    expect(await run(tool)).toMatchObject({
      wanted: { connector: 'sample', reconnect: id },
      failure: { code: 'reauthorization_required' },
      mayRepeat,
    });
  });

  it('names the account behind it, where it borrows one', async () => {
    expect(await run('borrower_things_get')).toMatchObject({ wanted: { connector: 'sample', reconnect: id } });
  });
});
