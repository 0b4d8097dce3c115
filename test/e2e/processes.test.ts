import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Desk, deskDefinition, FIRST_REFRESH_TOKEN, startDesk, writeDefinition } from './desk.ts';
import { type Home, makeHome } from './home.ts';
import { until } from './program.ts';
import { Wire } from './wire.ts';

let home: Home;
let desk: Desk;

beforeAll(async () => {
  desk = await startDesk();
  home = await makeHome({ hosts: [desk.host] });
  await writeDefinition(home.definitions, 'desk', deskDefinition(desk.url));
  await home.connectKey('ada');
});

afterAll(async () => {
  await home.close();
  await desk.close();
});

type Content = { data?: { id?: string }; meta?: { integration?: string }; error?: { code: string } };
const contentOf = (it: { result?: Record<string, unknown> }) => it.result?.structuredContent as Content;

describe('two servers on one home', () => {
  it('serve a hundred calls between them while a third process renames the account', async () => {
    const wires = [new Wire(home.env), new Wire(home.env)] as const;
    await Promise.all(wires.map((it) => it.initialize()));
    let renamed: { code: number | null } | undefined;
    const renaming = home.run(['integrations', 'rename', 'sandbox', 'ada', 'countess']).then((it) => {
      renamed = it;
    });
    const seen: Content[] = [];
    for (let i = 0; i < 100 || !renamed; i++) {
      const wire = wires[i % 2] ?? wires[0];
      seen.push(contentOf(await wire.call('sandbox_profile_get')));
    }
    await renaming;
    expect(renamed).toMatchObject({ code: 0 });
    expect(new Set(seen.map((it) => it.data?.id))).toEqual(new Set(['ada']));
    // One name, then the other, and never the first again.
    const names = seen.map((it) => it.meta?.integration);
    expect(names.lastIndexOf('ada')).toBeLessThan(
      names.includes('countess') ? names.indexOf('countess') : names.length,
    );
    for (const wire of wires) {
      expect(contentOf(await wire.call('sandbox_profile_get', { integration: 'countess' })).data?.id).toBe('ada');
      expect(contentOf(await wire.call('sandbox_profile_get', { integration: 'ada' })).error?.code).toBe(
        'integration_unknown',
      );
      expect(await wire.end()).toMatchObject({ code: 0, stderr: '' });
    }
  });
});

describe('a refresh under way when the client goes', () => {
  it.each(['stdin', 'SIGTERM'] as const)('is saved before the end, as the old token is spent: %s', async (how) => {
    const input = { access_token: 'access-token-run-out', refresh_token: FIRST_REFRESH_TOKEN, client_id: how };
    const connect = ['connect', 'desk', '--option', 'tokens', '--identifier', how, '--input', '-'];
    expect(await home.run(connect, { input: JSON.stringify(input) })).toMatchObject({ code: 0 });
    const { asked } = desk.tokens;
    const wire = new Wire(home.env);
    await wire.initialize();
    wire.ask('tools/call', { name: 'desk_self_get', arguments: { integration: how } });
    await until(() => desk.tokens.asked === asked + 1);
    if (how === 'SIGTERM') wire.running.child.kill(how);
    const ended = how === 'SIGTERM' ? wire.running.ended : wire.end();
    await sleep(300);
    desk.answerTokens();
    expect(await ended).toMatchObject({ code: 0, stderr: '' });

    const next = new Wire(home.env);
    const { data, error } = contentOf(await next.call('desk_self_get', { integration: how }));
    expect(error).toBeUndefined();
    expect(data).toEqual({ authorization: true });
    expect(desk.tokens.asked).toBe(asked + 1);
    await next.end();
  });
});
