import { typedCredentials } from './accounts.ts';
import { secretText } from './mirror.ts';
import type { Place } from './place.ts';

/** What somebody types at a terminal on that machine, with accounts of their own. Each is a process. */
export async function commandsStory({ cli, ledger, mirror, home }: Place): Promise<void> {
  const { key, basic } = typedCredentials(ledger);
  const connect = ['connect', 'mirror', '--input', '-', '--option'];
  const password = ledger.plant('password', `${secretText('password')}/+="`);
  const desk = {
    name: 'Desk',
    baseUrl: mirror.url,
    testPath: '/me',
    auth: {
      type: 'http_bearer_token',
      path: '/login',
      body: { raw: '{"user": "{{user}}", "password": "{{password}}"}' },
      outputs: { token: "body['access_token']", expiration: "body['expires_in']" },
    },
    secrets: { password: ledger.plant('password', secretText('password')) },
    parameters: { user: 'ada' },
  };
  const fail = (how: string) => ['call', 'mirror', 'things', 'fail', '--params', JSON.stringify({ how })];

  const accounts: Command[] = [
    [[...connect, 'key', '--json'], key?.good],
    [[...connect, 'basic', '--identifier', 'wrong'], basic?.wrong],
    [[...connect, 'basic', '--identifier', 'wrong', '--json'], { ...basic?.wrong, more: basic?.wrong }],
    [
      ['connect', 'sandbox', '--option', 'key', '--input', '-'],
      { apiKey: ledger.plant('API key', home.sandbox.apiKey('ada')) },
    ],
    [['call', 'mirror', 'things', 'echo', '--json']],
    [fail('401')],
    [[...fail('error'), '--json']],
    [['integrations', 'list', '--json']],
    [['integrations', 'revoke', 'mirror', 'Ada', '--json']],
    [['doctor', '--json']],
  ];
  const others: Command[] = [
    [['connections', 'create', '--json', '--input', '-'], desk],
    [['connections', 'edit', 'desk', '--force', '--input', '-'], { secrets: { password } }],
    [['connections', 'test', 'desk', '--json']],
    [['connections', 'export', 'desk']],
    [['call', 'desk', 'requests', 'get', '--params', '{"path":"/echo"}']],
    [['connectors', 'try', 'mirror', 'things', 'echo', '--option', 'key', '--input', JSON.stringify(key?.good)]],
    [['users', 'create', 'grete', '--json']],
    [['users', 'rotate', 'grete', '--json']],
    [['tokens', 'create', 'grete', 'laptop', '--json']],
    [['keys', 'create', 'second', '--json']],
    [['keys', 'rotate', '--json']],
  ];
  const inOrder = async (commands: readonly Command[]) => {
    for (const [args, input] of commands) await cli(args, input);
  };
  await Promise.all([inOrder(accounts), inOrder(others)]);
}

type Command = readonly [args: readonly string[], input?: object | undefined];
