import { describe, expect, it } from 'vitest';
import { TielineError } from '../../src/errors.ts';
import { alice, bob, connectorOf, failureOf, openStage, reading, startProvider, TOKEN, things } from './stage.ts';

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

  it('keeps names that are bounded, without what is shaped like a secret', async () => {
    const stage = await openStage([connectorOf({ server: { baseUrl: 'https://api.example.com' } })]);
    try {
      await failureOf(stage.call(`${'e'.repeat(256)}.get`));
      await failureOf(stage.call('things.sk_live_0123456789abcdef'));
      await failureOf(stage.call('things.get', {}, { connector: 'x'.repeat(256) }));
      // What is longer is no call, and leaves no line.
      await failureOf(stage.call('things.get', {}, { connector: 'x'.repeat(1_000_000) }));
      expect(stage.audit).toHaveLength(3);
      const text = stage.audit.map((it) => JSON.stringify(it));
      expect(Math.max(...text.map((it) => it.length))).toBeLessThan(1_000);
      expect(text[1]).toContain('[secret]');
      expect(text[1]).not.toContain('0123456789abcdef');
    } finally {
      await stage.close();
    }
  });

  it('is answered after its line, and is not made where that is refused', async () => {
    const stage = await openStage([connectorOf({ server: { baseUrl: 'https://api.example.com' } })]);
    try {
      const order: string[] = [];
      const write = () => new Promise<void>((resolve) => setTimeout(() => resolve(void order.push('line')), 20));
      Object.assign(stage.engine.audit, { write });
      await failureOf(stage.call('things.get')).then(() => order.push('answer'));
      expect(order).toEqual(['line', 'answer']);
      const refuse = () => {
        throw new TielineError('audit_unavailable', 'not now');
      };
      Object.assign(stage.engine.audit, { check: refuse });
      expect((await failureOf(stage.call('things.get'))).code).toBe('audit_unavailable');
    } finally {
      await stage.close();
    }
  });
});
