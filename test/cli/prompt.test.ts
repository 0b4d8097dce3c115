import { spawn, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeDefinition } from '../e2e/desk.ts';
import { type Home, makeHome } from '../e2e/home.ts';
import { environment, mainFile, until } from '../e2e/program.ts';
import { boxDefinition } from './box.ts';

/** util-linux's `script` gives a program a terminal; without it nobody can be asked, and there is nothing to test. */
const hasTerminal = spawnSync('script', ['--version']).status === 0;

let home: Home;

beforeAll(async () => {
  home = await makeHome();
  await writeDefinition(home.definitions, 'box', boxDefinition(home.sandbox.url));
});

afterAll(() => home.close());

/** Runs the program at a terminal. Keys are typed each when the screen shows what comes before them. */
async function atTerminal(args: string, typed: readonly (readonly [seen: string, keys: string])[]) {
  const command = `"${process.execPath}" "${mainFile}" ${args}`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: environment({ ...home.env, TIELINE_LOG: 'warn' }),
    stdio: 'pipe',
  });
  let screen = '';
  child.stdout.on('data', (chunk) => {
    screen += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  for (const [seen, keys] of typed) {
    await until(
      () => screen.includes(seen),
      () => screen,
    );
    child.stdin.write(keys);
  }
  const code = await ended;
  return { code, screen: screen.replaceAll('\r\n', '\n') };
}

describe.runIf(hasTerminal)('at a terminal', () => {
  it('a secret is not shown while it is typed, and the others are', async () => {
    const { clientId } = home.sandbox;
    const secret = 'typed-by-hand-and-wrong';
    const { code, screen } = await atTerminal('connect box --option tokens --identifier typed', [
      ['Access token (optional): ', '\r'],
      ['Refresh token: ', `${secret}\r`],
      ['Client ID: ', `${clientId}\r`],
      ['Client secret: ', `${secret}\r`],
    ]);
    expect(code).toBe(1);
    expect(screen).toMatch(/^Box \(Existing tokens\)\nAccess token \(optional\): \nRefresh token: \n/);
    expect(screen).toContain(`${clientId}`);
    expect(screen).toMatch(/tieline: .*invalid_client.* \[config_invalid\]\n/);
    expect(screen).not.toContain(secret);
  });

  it('a field that is needed is asked for again', async () => {
    const { code, screen } = await atTerminal('connect box --option token --identifier again', [
      ['Token: ', '\r'],
      ['Token: \nToken: '.replaceAll('\n', '\r\n'), `${home.sandbox.apiKey('ada')}\r`],
    ]);
    expect({ code, screen }).toEqual({ code: 0, screen: expect.stringContaining('Connected Box as again') });
    expect(screen).not.toContain(home.sandbox.apiKey('ada'));
  });

  it.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
  ])('%s ends it, and nothing is stored', async (_, keys) => {
    const { code, screen } = await atTerminal('connect box --option token --identifier ended', [['Token: ', keys]]);
    expect({ code, screen }).toEqual({
      code: 1,
      screen: expect.stringMatching(/tieline: nothing was connected \[canceled\]\n$/),
    });
    const { stdout } = await home.run(['integrations', 'list', '--json']);
    expect(stdout).not.toContain('ended');
  });
});
