import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openKeystore } from '../../../src/keystore/keystore.ts';
import { storeKey } from '../../../src/keystore/store.ts';
import { writeDefinition } from '../desk.ts';
import { type Home, makeHome } from '../home.ts';
import { type Ended, type Env, tieline } from '../program.ts';
import { mirrorDefinition } from './definition.ts';
import { Ledger } from './ledger.ts';
import { type Mirror, startMirror } from './mirror.ts';
import { tapAnswers } from './tap.ts';

export type Place = {
  readonly home: Home;
  readonly env: Env;
  readonly mirror: Mirror;
  readonly ledger: Ledger;
  /** Runs `tieline …` as a process, and notes what it prints. `input` is sent to it as JSON. */
  cli(args: readonly string[], input?: object): Promise<Ended>;
  /** Notes the answers and every file that is left, the store with them. Nothing may run any more. */
  finish(): Promise<void>;
  close(): Promise<void>;
};

/** A data folder, and two providers: an honest one, and one that shows what it is sent. */
export async function openPlace(): Promise<Place> {
  const ledger = new Ledger();
  const mirror = await startMirror(ledger);
  const home = await makeHome({ hosts: [mirror.host] });
  const { sandbox, path } = home;
  ledger.plant('OAuth client secret', sandbox.clientSecret);
  await writeDefinition(home.definitions, 'mirror', JSON.stringify(mirrorDefinition(mirror.url)));
  const temporary = join(path, 'tmp');
  await mkdir(temporary);
  const env = {
    ...home.env,
    TIELINE_LOG: 'debug',
    TMPDIR: temporary,
    MIRROR_SECRET: mirror.clientSecret,
    SANDBOX_SECRET: sandbox.clientSecret,
  };
  const config = {
    connectors: {
      sandbox: { app: { baseUrl: sandbox.url, clientId: sandbox.clientId, clientSecret: `\${SANDBOX_SECRET}` } },
      mirror: { app: { clientId: mirror.clientId, clientSecret: `\${MIRROR_SECRET}` } },
    },
    network: { allowPrivate: [new URL(sandbox.url).host, mirror.host] },
  };
  await writeFile(join(path, 'config.yaml'), JSON.stringify(config), { mode: 0o600 });
  const endTap = tapAnswers(ledger, [mirror.url, sandbox.url]);
  return {
    home,
    env,
    mirror,
    ledger,
    async cli(args, input = {}) {
      const ended = await tieline(args, { env, input: JSON.stringify(input) });
      const command = args.filter((it) => !it.startsWith('{')).join(' '); // JSON may hold a secret
      ledger.say(`stdout of tieline ${command}`, ended.stdout);
      ledger.say(`stderr of tieline ${command}`, ended.stderr);
      return ended;
    },
    async finish() {
      endTap();
      const { keystore } = await openKeystore({ home: path, env });
      const keys = await keystore.read<{ current: { jwk: { d: string } } }>(storeKey('signing_keys'));
      await keystore.close();
      if (keys) ledger.plant('signing key', keys.value.current.jwk.d);
      ledger.plant('master key', (await readFile(join(path, 'key'), 'utf8')).trim());
      await ledger.sayFiles(path, ['key']);
    },
    async close() {
      endTap();
      await Promise.all([home.close(), mirror.close()]);
    },
  };
}
