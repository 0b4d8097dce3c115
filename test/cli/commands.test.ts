import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Env, environment, mainFile, temporary } from '../e2e/program.ts';
import { tieline } from './inprocess.ts';

let place: Awaited<ReturnType<typeof temporary>>;
let env: Env;

beforeAll(async () => {
  place = await temporary();
  env = { TIELINE_HOME: place.path };
});

afterAll(() => place.remove());

const COMMANDS = [
  [],
  ['stdio'],
  ['demo'],
  ['connect'],
  ['integrations'],
  ['integrations', 'list'],
  ['integrations', 'default'],
  ['integrations', 'rename'],
  ['integrations', 'remove'],
  ['connections'],
  ['connections', 'create'],
  ['connections', 'list'],
  ['connections', 'show'],
  ['connections', 'edit'],
  ['connections', 'test'],
  ['connections', 'export'],
  ['connections', 'import'],
  ['connections', 'remove'],
  ['call'],
  ['connectors'],
  ['connectors', 'list'],
  ['connectors', 'show'],
  ['connectors', 'lint'],
  ['connectors', 'try'],
  ['keys'],
  ['keys', 'jwks'],
  ['keys', 'rotate'],
  ['doctor'],
  ['mcp-config'],
].map((command) => [command.join(' ') || 'the program', command] as const);

describe.concurrent('--help', () => {
  it.each(COMMANDS)('of %s says what it is for and fits a screen', async (_, command) => {
    const { code, stdout, stderr } = await tieline([...command, '--help'], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [usage = '', blank, about = '', ...rest] = stdout.split('\n');
    expect(usage).toMatch(new RegExp(`^Usage: ${['tieline', ...command].join(' ')}`));
    expect(blank).toBe('');
    expect(about).toMatch(/^\S.{5,}/);
    expect(rest.length).toBeLessThan(30);
    // Every command and option in the list is explained.
    const listed = rest.filter((it) => /^ {2}\S/.test(it));
    expect(listed.length).toBeGreaterThan(0);
    for (const line of listed) expect(line).toMatch(/^ {2}\S.* {2,}\S|^ {2}<\S+/);
  });
});

describe.concurrent('wrong usage ends with 2, says what is wrong on stderr, and nothing on stdout:', () => {
  it.each([
    ['an unknown command', ['conect'], /unknown command 'conect'\n\(Did you mean connect\?\)/],
    ['an unknown command of a group', ['integrations', 'delete'], /unknown command 'delete'/],
    ['an unknown option', ['doctor', '--jsno'], /unknown option '--jsno'/],
    ['a missing argument', ['call', 'gmail', 'messages'], /missing required argument 'action'/],
    ['too many arguments', ['doctor', 'now'], /too many arguments/],
    [
      'parameters that are no JSON',
      ['call', 'gmail', 'messages', 'list', '--params', '{'],
      /--params is not a JSON object \[usage\]/,
    ],
    [
      'parameters that are a list',
      ['call', 'gmail', 'messages', 'list', '--params', '[]'],
      /--params is not a JSON object \[usage\]/,
    ],
    ['an action that is not there', ['call', 'gmail', 'messages', 'lst'], /\[action_unknown\]\n {2}\S/],
    ['a group without a command', ['connectors'], /^Usage: tieline connectors/],
  ])('%s', async (_, args, says) => {
    const { code, stdout, stderr } = await tieline(args, { env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(says);
    if (!stderr.startsWith('Usage')) expect(stderr).toMatch(/^tieline: /m);
    expect(stderr).not.toContain('\n    at ');
  });

  it('as JSON where that was asked for', async () => {
    const { code, stdout } = await tieline(['call', '--json'], { env });
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({ error: { code: 'usage', message: "missing required argument 'connector'" } });
  });
});

describe('the output', () => {
  it('is the version alone when that is asked for', async () => {
    expect(await tieline(['--version'], { env })).toMatchObject({ code: 0, stdout: '0.1.0\n', stderr: '' });
  });

  it('may be cut short by whoever reads it', async () => {
    const script = `"${process.execPath}" "${mainFile}" connectors show github --json | head -c 10; exit "\${PIPESTATUS[0]}"`;
    const shell = spawn('bash', ['-c', script], { env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] });
    let told = '';
    shell.stderr.on('data', (chunk) => {
      told += chunk;
    });
    const code = await new Promise((resolve) => shell.once('close', resolve));
    expect({ code, told }).toEqual({ code: 0, told: '' });
  });
});

describe('mcp-config', () => {
  it('prints what a client needs, with absolute paths, and no key', async () => {
    const key = Buffer.alloc(32, 7).toString('base64url');
    const settings = { TIELINE_HOME: 'here', TIELINE_STORE: 'sqlite:data/x.db', TIELINE_CONNECTORS: 'a:b' };
    const given = { ...settings, TIELINE_KEY_FILE: './key', TIELINE_KEY: key };
    const { code, stdout, stderr } = await tieline(['mcp-config'], { env: given, cwd: place.path });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      mcpServers: {
        tieline: {
          command: process.execPath,
          args: [expect.stringMatching(/^\/.*\/dist\/main\.js$/), 'stdio'],
          env: {
            TIELINE_HOME: `${place.path}/here`,
            TIELINE_STORE: `sqlite:${place.path}/data/x.db`,
            TIELINE_CONNECTORS: `${place.path}/a:${place.path}/b`,
            TIELINE_KEY_FILE: `${place.path}/key`,
          },
        },
      },
    });
    expect(stdout + stderr).not.toContain(key);
    expect(stderr).toContain('TIELINE_KEY is set here and not printed');
  });

  it('leaves out what is as by default', async () => {
    const { stdout, stderr } = await tieline(['mcp-config']);
    expect(JSON.parse(stdout).mcpServers.tieline).not.toHaveProperty('env');
    expect(stderr).toBe('');
  });
});
