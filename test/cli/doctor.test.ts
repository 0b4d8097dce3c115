import { existsSync } from 'node:fs';
import { rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CANARY } from '../../src/keystore/canary.ts';
import { openStore } from '../../src/keystore/open.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { deskDefinition, writeDefinition } from '../e2e/desk.ts';
import { temporary } from '../e2e/program.ts';
import { tieline } from './inprocess.ts';

let place: Awaited<ReturnType<typeof temporary>>;

beforeEach(async () => {
  place = await temporary();
});
afterEach(() => place.remove());

const doctor = (env: Record<string, string> = {}, ...args: string[]) =>
  tieline(['doctor', ...args], { env: { TIELINE_HOME: join(place.path, 'home'), ...env } });

describe('doctor', () => {
  it('tells that all is well, and what it made', async () => {
    const { code, stdout, stderr } = await doctor();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [version, configuration, connectors, keystore, notice] = stdout.split('\n');
    expect(version).toBe(`ok    version: tieline 0.1.0, node ${process.versions.node}`);
    expect(configuration).toBe(`ok    configuration: home ${place.path}/home, file ${place.path}/home/config.yaml`);
    expect(connectors).toMatch(/^ok {4}connectors: .*gmail.*; \d+ tools$/);
    expect(keystore).toMatch(/^ok {4}keystore: sqlite:.*\/home\/tieline\.db \(.*\), key from file, 0 accounts$/);
    expect(notice).toMatch(/^ {6}Made a new master key in .*\/home\/key\./);
  });

  it('tells that a proxy is there and none is named', async () => {
    const env = { TIELINE_URL: 'https://tieline.example' };
    expect((await doctor(env)).stdout).toMatch(/^ok {4}configuration: .*\n {6}.*server\.trustedProxies names none/m);
    await writeFile(join(place.path, 'home', 'config.yaml'), 'server: { trustedProxies: [10.0.0.7] }');
    expect((await doctor(env)).stdout).not.toContain('trustedProxies');
  });

  it('goes on after what is wrong, with the next step for each', async () => {
    const folder = join(place.path, 'definitions');
    await writeDefinition(folder, 'desk', deskDefinition('http://127.0.0.1:9').replace('title: Desk', 'titel: Desk'));
    await writeDefinition(folder, 'none', 'format: 1\n a: [');
    const { code, stdout } = await doctor({ TIELINE_CONNECTORS: folder, TIELINE_KEY: 'short' });
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^FAIL {2}connectors: [\s\S]*desk\/connector\.yaml:5:1 unknown key .titel.[\s\S]*none\/connector\.yaml:2:\d+ /m,
    );
    expect(stdout).toMatch(/^ {6}Correct the file, then check it with: tieline connectors lint <file>$/m);
    expect(stdout).toMatch(/^FAIL {2}keystore: the key in TIELINE_KEY is not 32 bytes \[key_invalid\]\n {6}A key is/m);
    const json = await doctor({ TIELINE_CONNECTORS: folder, TIELINE_KEY: 'short' }, '--json');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: false,
      checks: [
        { name: 'version', ok: true },
        { name: 'configuration', ok: true },
        { name: 'connectors', ok: false, code: 'definition_invalid' },
        { name: 'keystore', ok: false, code: 'key_invalid', hint: expect.any(String) },
      ],
    });
  });

  it('fails where the store was emptied, or has lost the record that tells its key, and the key with it', async () => {
    const home = join(place.path, 'home');
    await doctor();
    await truncate(join(home, 'tieline.db'));
    expect(await doctor()).toMatchObject({ code: 1, stdout: expect.stringContaining('[store_unavailable]') });
    await rm(home, { recursive: true });
    await doctor();
    const store = await openStore(`sqlite:${join(home, 'tieline.db')}`);
    await store.set(storeKey('app', 'a'), 'x');
    await store.delete(CANARY);
    await store.close();
    expect(await doctor()).toMatchObject({ code: 1, stdout: expect.stringContaining('[keystore_tampered]') });
    await rm(join(home, 'key'));
    expect(await doctor()).toMatchObject({ code: 1, stdout: expect.stringContaining('[key_invalid]') });
    expect(existsSync(join(home, 'key'))).toBe(false);
  });

  it('looks at nothing else while the configuration cannot be read', async () => {
    await doctor();
    await writeFile(join(place.path, 'home', 'config.yaml'), 'enabled: yes please\n');
    const { code, stdout } = await doctor();
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^FAIL {2}configuration: .*config\.yaml is not right \[config_invalid\]\n {6}enabled: .*\n {6}Correct the file\.\n$/m,
    );
    expect(stdout).not.toContain('keystore');
  });
});
