import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../src/config.ts';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'tieline-config-'));
});

afterEach(() => rm(home, { recursive: true, force: true }));

async function read(text: string, env: Record<string, string> = {}) {
  await writeFile(join(home, 'config.yaml'), text);
  return readConfig({ TIELINE_HOME: home, ...env });
}

const nothing = {
  connectors: {},
  network: { allowPrivate: [], connectTo: {}, allowFiles: [] },
  limits: { callsPerAccount: 64, requestsPerHost: 256 },
  audit: { onFailure: 'continue' },
  server: {
    authorizationServer: true,
    trustedProxies: [],
    requestsPerMinute: 600,
    drain: { readinessDelay: 5_000, timeout: 60_000 },
    scopes: 'wide',
    issuers: [],
    clients: [],
  },
};

describe('a configuration', () => {
  it.each([
    ['is empty', ''],
    ['has only comments', '# nothing yet\n\n  # really\n'],
    ['has empty parts', 'network: {}\nconnectors: {}\n'],
  ])('may be left out where it %s', async (_, text) => {
    expect(await read(text)).toMatchObject(nothing);
  });

  it('may have no file, and is then in the home of the user', async () => {
    const config = await readConfig({ TIELINE_HOME: home });
    expect(config).toEqual({ ...nothing, home, file: join(home, 'config.yaml'), folders: [] });
    expect(Object.isFrozen(config)).toBe(true);
    expect((await readConfig({ TIELINE_HOME: '' })).home).toBe(join(homedir(), '.tieline'));
  });

  it('takes each part, with what it leaves out as by default', async () => {
    const config = await read(`
enabled: [gmail, desk]
connectors:
  gmail: { app: { clientId: abc, port: 80, on: true }, readOnly: true }
  desk: { allow: ["tickets.*"] }
network: { allowPrivate: ["127.0.0.1:4000", 10.0.0.0/8] }
`);
    expect(config).toMatchObject({
      enabled: ['gmail', 'desk'],
      connectors: {
        gmail: { app: { clientId: 'abc', port: 80, on: true }, readOnly: true, destructive: true, deny: [] },
        desk: { app: {}, readOnly: false, destructive: true, allow: ['tickets.*'], deny: [] },
      },
      network: { allowPrivate: ['127.0.0.1:4000', '10.0.0.0/8'], allowFiles: [] },
    });
  });

  it('names clients, and where users sign in instead of with their secret', async () => {
    const { server } = await read(`server:
  clients: [{ id: desk, name: Desk, redirectUris: ["https://desk.example/cb"] }]
  signIn: { issuer: "https://login.example", clientId: tieline, organization: org_1 }`);
    expect(server.clients).toEqual([{ id: 'desk', name: 'Desk', redirectUris: ['https://desk.example/cb'] }]);
    expect(server.signIn).toMatchObject({ scope: 'openid profile email', identifierClaim: 'sub', createUsers: false });
    const { trustedProxies } = (
      await read('server: { trustedProxies: ["10.0.0.7", "fd00::/8", "::ffff:10.1.0.0/112"] }')
    ).server;
    expect(trustedProxies).toHaveLength(3);
    const malformed = ['proxy', '10.0.0.0/33', '10.1', '300.1.1.1', '10.0.0.0/8/8', '', '*', '::ffff:10.0.0.0/8'];
    for (const proxy of malformed) {
      const refused = read(`server: { trustedProxies: ["${proxy}"] }`);
      await expect(refused, proxy).rejects.toMatchObject({ code: 'config_invalid' });
    }
    for (const wrong of ['clients: [{ id: desk }]', 'signIn: { issuer: "https://login.example" }']) {
      await expect(read(`server: { ${wrong} }`)).rejects.toMatchObject({ code: 'config_invalid' });
    }
  });

  it('names issuers whose tokens are taken', async () => {
    const issuer = 'https://id.example.com/tenant';
    const { server } = await read(`server: { issuers: [{ issuer: "${issuer}", organization: org_1 }] }`);
    expect(server.issuers).toEqual([{ issuer, organization: 'org_1', identifierClaim: 'sub', createUsers: false }]);
    for (const wrong of [
      '{ organization: org_1 }',
      '{ issuer: "ftp://x", organization: o }',
      `{ issuer: "${issuer}" }`,
    ]) {
      await expect(read(`server: { issuers: [${wrong}] }`)).rejects.toMatchObject({ code: 'config_invalid' });
    }
  });

  it('reads folders as absolute ones', async () => {
    const { folders } = await readConfig({ TIELINE_HOME: home, TIELINE_CONNECTORS: `one::${home}/two` });
    expect(folders).toEqual([join(process.cwd(), 'one'), join(home, 'two')]);
  });

  it('fills in variables of the environment wherever text stands, once', async () => {
    const text = `connectors: { desk: { app: { id: "\${ID}", both: "\${ID}-\${SECRET}", not: "$ID \${id} {ID}" }, deny: ["\${ID}.*"] } }`;
    const { connectors } = await read(text, { ID: 'x', SECRET: `\${ID}: [` });
    expect(connectors.desk).toMatchObject({
      app: { id: 'x', both: `x-\${ID}: [`, not: `$ID \${id} {ID}` },
      deny: ['x.*'],
    });
  });
});

describe('is refused, by name and place,', () => {
  it.each([
    ['what is no YAML', 'network:\n  allowPrivate: [a\n', /config\.yaml:3:1 /],
    ['a second document', 'network: {}\n---\nnetwork: {}\n', /config\.yaml/],
    ['an alias', 'connectors: { a: &a { app: { x: y } }, b: *a }', /config\.yaml:1:\d+ /],
    ['a list', '- network\n', /the file: .*expected object/],
    [
      'unknown keys, all of them',
      'conectors: {}\nnetwork: { allow: [] }\n',
      /network: .*"allow"\nthe file: .*"conectors"/,
    ],
    [
      'a part of another kind',
      'enabled: gmail\nconnectors: { gmail: { readOnly: maybe } }',
      /enabled: .*array[\s\S]*connectors\.gmail\.readOnly: .*boolean/,
    ],
    [
      'a variable that is not set',
      `connectors: { gmail: { app: { id: "\${NOT_SET}" } } }`,
      /uses \$\{NOT_SET\}, and there is no such/,
    ],
  ])('%s', async (_, text, message) => {
    await expect(read(text)).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
  });

  it('a file that cannot be read', async () => {
    await mkdir(join(home, 'config.yaml'));
    await chmod(join(home, 'config.yaml'), 0o700);
    await expect(readConfig({ TIELINE_HOME: home })).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('cannot be read (EISDIR)'),
    });
  });

  it('without telling what a variable holds', async () => {
    const failed = read(`enabled: "\${SECRET}"`, { SECRET: 'not-to-be-seen' }).catch((error: unknown) => error);
    expect(JSON.stringify(await failed) + String(await failed)).not.toContain('not-to-be-seen');
  });
});
