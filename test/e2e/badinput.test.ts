import { createHash, randomBytes } from 'node:crypto';
import { chmod, cp, mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tieline as here } from '../cli/inprocess.ts';
import { deskDefinition, writeDefinition } from './desk.ts';
import { type Home, makeHome } from './home.ts';
import { type Env, type Options, temporary, tieline } from './program.ts';

let good: Home;
let place: Awaited<ReturnType<typeof temporary>>;
let count = 0;

beforeAll(async () => {
  place = await temporary();
  good = await makeHome({ tieline: here });
  await good.connectKey('ada');
});

afterAll(async () => {
  await good.close();
  await place.remove();
});

/** A copy of a home that works. */
async function copy(): Promise<string> {
  const path = join(place.path, `home-${count++}`);
  await cp(good.path, path, { recursive: true, preserveTimestamps: true });
  await chmod(path, 0o700);
  return path;
}

/** The content of every file, by name, but for what the process itself makes and takes away. */
async function contents(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files = entries.filter((it) => it.isFile() && !/-(wal|shm)$/.test(it.name)).map((it) => it.name);
  const digest = async (name: string) =>
    createHash('sha256')
      .update(await readFile(join(folder, name)))
      .digest('hex');
  return Object.fromEntries(await Promise.all(files.map(async (name) => [name, await digest(name)] as const)));
}

type Break = (home: string) => Promise<Env | undefined> | Env;
type Case = {
  name: string;
  spoil: Break;
  code: string;
  says: RegExp;
  next: RegExp;
  silent?: string;
  options?: Options;
};

const PASSWORD = 'very-secret-password';

const STARTS: readonly Case[] = [
  {
    name: 'a config.yaml that is no YAML',
    spoil: async (home) => void (await writeFile(join(home, 'config.yaml'), 'network:\n  allowPrivate: [a, b\n')),
    code: 'config_invalid',
    says: /config\.yaml:3:1 /,
    next: /Correct the file\./,
  },
  {
    name: 'a config.yaml with unknown keys',
    spoil: async (home) =>
      void (await writeFile(join(home, 'config.yaml'), 'conectors: {}\nnetwork: { allowPrivat: [] }\n')),
    code: 'config_invalid',
    says: /network: .*"allowPrivat"[\s\S]*"conectors"/,
    next: /Correct the file\./,
  },
  {
    name: 'a variable in config.yaml that is not set',
    spoil: async (home) =>
      void (await writeFile(
        join(home, 'config.yaml'),
        `connectors: { gmail: { app: { clientId: "$\{GMAIL_CLIENT_ID}" } } }`,
      )),
    code: 'config_invalid',
    says: /uses \$\{GMAIL_CLIENT_ID\}/,
    next: /Set GMAIL_CLIENT_ID/,
  },
  {
    name: 'another master key than that of the store',
    spoil: () => ({ TIELINE_KEY: randomBytes(32).toString('base64url') }),
    code: 'key_wrong',
    says: /sealed with key [0-9a-f]{12}, but the key is [0-9a-f]{12}/,
    next: /Provide key [0-9a-f]{12}/,
  },
  {
    name: 'a master key that is none',
    spoil: () => ({ TIELINE_KEY: PASSWORD }),
    code: 'key_invalid',
    says: /the key in TIELINE_KEY is not 32 bytes/,
    next: /openssl rand/,
    silent: PASSWORD,
  },
  {
    name: 'a key file that others may read',
    spoil: async (home) => void (await chmod(join(home, 'key'), 0o644)),
    code: 'key_invalid',
    says: /others than its owner may use the key file/,
    next: /chmod 600/,
  },
  {
    name: 'a key file that is gone',
    spoil: async (home) => void (await rm(join(home, 'key'))),
    code: 'key_invalid',
    says: /there is data, but no master key in .*key/,
    next: /Put the key back/,
  },
  {
    name: 'a database whose header is overwritten',
    spoil: async (home) => {
      const file = await open(join(home, 'tieline.db'), 'r+');
      await file.write(Buffer.alloc(100, 'x'), 0, 100, 0);
      await file.close();
      return undefined;
    },
    code: 'store_unavailable',
    says: /tieline\.db is damaged or not a database/,
    next: /Restore a copy/,
  },
  {
    name: 'a kind of store that there is not',
    spoil: () => ({ TIELINE_STORE: `mysql://user:${PASSWORD}@localhost/tieline` }),
    code: 'config_invalid',
    says: /stores of the kind "mysql:" are not supported/,
    next: /Set TIELINE_STORE to/,
    silent: PASSWORD,
  },
  {
    name: 'a folder of definitions that is not there',
    spoil: (home) => ({ TIELINE_CONNECTORS: join(home, 'nowhere') }),
    code: 'config_invalid',
    says: /there is no folder .*nowhere/,
    next: /TIELINE_CONNECTORS|Make it/,
  },
  {
    name: 'a home that is a file',
    spoil: (home) => ({ TIELINE_HOME: join(home, 'key') }),
    code: 'config_invalid',
    says: /cannot be (read|made)/,
    next: /TIELINE_HOME|Make it/,
  },
];

describe.concurrent('a start is refused in one screen, and nothing is changed, with', () => {
  it.each(STARTS)('$name', async ({ spoil, code, says, next, silent }) => {
    const home = await copy();
    const env = { TIELINE_HOME: home, ...(await spoil(home)) };
    const before = await contents(home);
    const told = await tieline(['stdio'], { env });
    expect(told.stdout).toBe('');
    expect(told.code).toBe(1);
    expect(told.stderr).toMatch(says);
    expect(told.stderr).toMatch(next);
    expect(told.stderr.split('\n')[0]).toMatch(new RegExp(`^tieline: .* \\[${code}\\]$`));
    expect(told.stderr.split('\n').length).toBeLessThan(24);
    expect(told.stderr).not.toMatch(/\n\s+at /);
    if (silent !== undefined) expect(told.stderr).not.toContain(silent);
    expect(await contents(home)).toEqual(before);
  });

  it('what a program asked for as JSON', async () => {
    const env = { TIELINE_HOME: await copy(), TIELINE_KEY: PASSWORD };
    const json = await tieline(['integrations', 'list', '--json'], { env });
    expect(json).toMatchObject({ code: 1, stderr: '' });
    expect(JSON.parse(json.stdout)).toEqual({
      error: { code: 'key_invalid', message: expect.any(String), hint: expect.stringContaining('openssl') },
    });
  });

  it('a home that cannot be written', async () => {
    const parent = join(place.path, 'closed');
    await mkdir(parent, { mode: 0o755 });
    await chmod(place.path, 0o755);
    await chmod(parent, 0o555);
    // Nothing is closed to root, so root tests this as somebody else.
    const uid = process.getuid?.() === 0 ? 65_534 : undefined;
    const { code, stdout, stderr } = await tieline(['stdio'], { env: { TIELINE_HOME: join(parent, 'home') }, uid });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /^tieline: the data folder .*closed\/home cannot be made: .*may not write there \[config_invalid\]\n {2}Set TIELINE_HOME/,
    );
    await chmod(parent, 0o755);
    expect(await readdir(parent)).toEqual([]);
  });
});

const DEFINITIONS: readonly { name: string; text: string; says: RegExp }[] = [
  {
    name: 'is no YAML',
    text: 'format: 1\nconnector: own\n  title: [',
    says: /own\/connector\.yaml:3:\d+ .*\(yaml\)/,
  },
  {
    name: 'has an unknown key',
    text: deskDefinition('http://127.0.0.1:1', 'own').replace('summary: A made-up', 'sumary: A made-up'),
    says: /own\/connector\.yaml:6:1 unknown key `sumary`; did you mean `summary`\?/,
  },
  {
    name: 'has the name of another',
    text: deskDefinition('http://127.0.0.1:1', 'github'),
    says: /own\/connector\.yaml both define github/,
  },
  {
    name: 'has a tool of another',
    text: deskDefinition('http://127.0.0.1:1', 'desk_items').replace('  items:', '  more:').replace('  self:', '  x:'),
    says: /tool name desk_items_more_list is taken by desk items_more\.list/,
  },
];

describe.concurrent("a definition of one's own that", () => {
  it.each(DEFINITIONS)(
    '$name is refused where definitions are looked at, and left out by the server',
    async ({ text, says }) => {
      const folder = join(place.path, `definitions-${count++}`);
      const desk = deskDefinition('http://127.0.0.1:1').replace('  items:', '  items_more:');
      await writeDefinition(folder, 'desk', desk);
      await writeDefinition(folder, 'own', text);
      const env = { TIELINE_HOME: await copy(), TIELINE_CONNECTORS: folder };
      const [listed, served] = await Promise.all([
        tieline(['connectors', 'list'], { env }),
        tieline(['call', 'sandbox', 'profile', 'get'], { env }),
      ]);
      expect(listed).toMatchObject({ code: 1, stdout: '' });
      expect(listed.stderr).toMatch(says);
      expect(listed.stderr).toMatch(/\[definition_invalid\]/);
      expect(JSON.parse(served.stdout)).toMatchObject({ data: { id: 'ada' } });
      expect(served.stderr).toMatch(new RegExp(`^\\S+ error .*${says.source}`));
    },
  );
});
