import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectAccount } from '../../src/execute/connect.ts';
import { revokeIntegration } from '../../src/execute/revoke.ts';
import { principalOf } from '../../src/http/caller.ts';
import type { Principal } from '../../src/integration/principal.ts';
import { findUser } from '../../src/integration/user.ts';
import { accountTools } from '../../src/mcp/accounttools.ts';
import { alice } from '../execute/stage.ts';
import { connectLinking, type LinkClient } from './linkclient.ts';
import { type LinkStage, openLinkStage, type Person } from './linkstage.ts';

let stage: LinkStage;
let person: Person;
let client: LinkClient;
beforeAll(async () => {
  stage = await openLinkStage();
});
afterAll(() => stage.close());
beforeEach(async () => {
  person = await stage.person();
  client = await connectLinking({ url: stage.url, token: person.token }, { how: 'v1' });
  return () => client.close();
});

async function principal(): Promise<Principal> {
  const user = await findUser(stage.keystore, stage.acme.organization, person.identifier);
  if (!user) throw new Error('no such user');
  return principalOf(user);
}

async function link(who: string, identifier = who): Promise<void> {
  const input = { apiKey: stage.sandbox.apiKey(who) };
  await connectAccount(stage.engine, await principal(), { connector: 'sandbox', option: 'key', identifier, input });
}

const call = async (name: string, args: Record<string, unknown> = {}) => {
  const { structuredContent, content, isError } = await client.call(name, args);
  // The same twice over: some clients pass on only the one, and some only the other.
  if (!isError) expect(JSON.parse(content[0]?.text ?? '')).toEqual(structuredContent);
  return structuredContent;
};

describe('tools for accounts', () => {
  it('are listed by scope, in order, with all that a model needs', () => {
    const names = (...scopes: ('read' | 'write' | 'manage')[]) => accountTools(new Set(scopes)).map((it) => it.name);
    expect(names('read', 'write')).toEqual(['integrations_list']);
    expect(names('read', 'manage')).toEqual([
      'integrations_connect',
      'integrations_disconnect',
      'integrations_list',
      'integrations_set_default',
    ]);
    for (const tool of accountTools(alice.scopes)) {
      expect(tool.annotations).toEqual({
        title: tool.title,
        readOnlyHint: tool.name === 'integrations_list',
        destructiveHint: tool.name === 'integrations_disconnect',
        idempotentHint: ['integrations_list', 'integrations_set_default'].includes(tool.name),
        openWorldHint: ['integrations_connect', 'integrations_disconnect'].includes(tool.name),
      });
      expect(tool.description.length).toBeGreaterThan(30);
      expect(tool.inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
    }
  });

  it('tell which accounts there are, of all connectors or of one', async () => {
    expect(await call('integrations_list')).toEqual({ data: [] });
    await link('ada');
    await link('grace', 'work');
    const row = { connector: 'sandbox', status: 'active' };
    const both = [
      { ...row, identifier: 'ada', account: 'ada@sandbox.example', default: true },
      { ...row, identifier: 'work', account: 'grace@sandbox.example', default: false },
    ];
    expect(await call('integrations_list')).toEqual({ data: both });
    expect(await call('integrations_list', { connector: 'sandbox' })).toEqual({ data: both });
    expect((await call('integrations_list', { connector: 'sandpit' })).error?.code).toBe('connector_unknown');
  });

  it('tell what an agent can do about an account that does not work', async () => {
    await link('ada');
    const who = await principal();
    await revokeIntegration(stage.engine, who, stage.engine.catalog.connector('sandbox'), 'ada');
    const nextStep = 'Call integrations_connect with {"connector":"sandbox","identifier":"ada","reconnect":true}.';
    expect(await call('integrations_list')).toMatchObject({ data: [{ status: 'revoked', nextStep }] });
    const taken = await call('integrations_connect', { connector: 'sandbox', identifier: 'ada' });
    expect(taken.error).toMatchObject({
      code: 'integration_exists',
      hint: expect.stringContaining('reconnect: true'),
    });
    const again = await call('integrations_connect', { connector: 'sandbox', identifier: 'ada', reconnect: true });
    expect(again.error).toMatchObject({
      code: 'integration_required',
      message: 'the user has to connect Sandbox ada again',
    });
  });

  it('change the default, which the next call is made with', async () => {
    await link('ada');
    await link('grace');
    expect(await call('integrations_set_default', { connector: 'sandbox', identifier: 'grace' })).toEqual({
      data: { connector: 'sandbox', default: 'grace' },
    });
    expect(await call('sandbox_profile_get')).toMatchObject({ data: { id: 'grace' } });
    const wrong = await call('integrations_set_default', { connector: 'sandbox', identifier: 'nobody' });
    expect(wrong.error?.code).toBe('integration_unknown');
  });

  it('disconnect an account, and say which one is the default then', async () => {
    await link('ada');
    await link('grace');
    const answer = await call('integrations_disconnect', { connector: 'sandbox', identifier: 'ada' });
    expect(answer).toMatchObject({ data: { connector: 'sandbox', disconnected: 'ada', default: 'grace' } });
    expect(await call('integrations_list')).toMatchObject({ data: [{ identifier: 'grace', default: true }] });
    const again = await call('integrations_disconnect', { connector: 'sandbox', identifier: 'ada' });
    expect(again.error?.code).toBe('integration_unknown');
  });

  it('know nothing of the accounts of others', async () => {
    await link('ada');
    const other = await stage.person();
    const theirs = await connectLinking({ url: stage.url, token: other.token }, { how: 'v1' });
    expect((await theirs.call('integrations_list')).structuredContent).toEqual({ data: [] });
    const answer = await theirs.call('integrations_disconnect', { connector: 'sandbox', identifier: 'ada' });
    expect(answer.structuredContent.error?.code).toBe('integration_unknown');
    await theirs.close();
    expect(await call('integrations_list')).toMatchObject({ data: [{ identifier: 'ada' }] });
  });

  it('leave a line each in the audit: who, what, which account, how it ended', async () => {
    await link('ada');
    await link('grace');
    const { user, organization } = await principal();
    stage.audit.length = 0;
    await call('integrations_list');
    await call('integrations_set_default', { connector: 'sandbox', identifier: 'grace' });
    await call('integrations_set_default', { connector: 'sandbox', identifier: 'nobody' });
    await call('integrations_connect', { connector: 'sandbox', identifier: 'ada', reconnect: true });
    await call('integrations_connect', { connector: 'sandbox', identifier: 'ada' });
    await call('integrations_connect', { connector: 'sandpit' });
    await call('integrations_disconnect', { connector: 'sandbox', identifier: 'ada' });
    await call('integrations_disconnect', { connector: 'sandbox', identifier: 5 });
    const line = (action: string, outcome: string, integration?: string, connector?: string) => ({
      at: expect.stringMatching(/^\d{4}-/),
      organization,
      user,
      ...(connector !== undefined && { connector }),
      entity: 'integrations',
      action,
      ...(integration !== undefined && { integration }),
      outcome,
      ms: expect.any(Number),
    });
    expect(JSON.parse(JSON.stringify(stage.audit))).toEqual([
      line('list', 'ok'),
      line('set_default', 'ok', 'grace', 'sandbox'),
      line('set_default', 'integration_unknown', undefined, 'sandbox'),
      line('connect', 'integration_required', 'ada', 'sandbox'),
      line('connect', 'integration_exists', undefined, 'sandbox'),
      line('connect', 'connector_unknown', undefined, 'sandpit'),
      line('disconnect', 'ok', 'ada', 'sandbox'),
      line('disconnect', 'arguments_invalid', undefined, 'sandbox'),
    ]);
  });
});
