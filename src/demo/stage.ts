import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCredential } from '../auth/fresh.ts';
import { signIn } from '../cli/connect.ts';
import { type Opened, openEngine } from '../cli/open.ts';
import { connectAccount } from '../execute/connect.ts';
import { credentialKey } from '../integration/accounts.ts';
import type { Integration } from '../integration/integration.ts';
import { localPrincipal } from '../integration/principal.ts';
import { signIn as signInAsPerson } from '../sandbox/person.ts';
import { type Sandbox, startSandbox } from '../sandbox/sandbox.ts';

/** A provider and a Tieline home of its own, both gone after `close`. */
export type Stage = {
  readonly sandbox: Sandbox;
  readonly home: string;
  /** What a process needs in its environment to use this home. */
  readonly env: Readonly<Record<string, string>>;
  /** Links an account by the authorization code flow; `person` is who signs in. */
  link(person: string): Promise<Integration>;
  /** Every token stored for an account now. */
  tokens(integration: Integration): Promise<string[]>;
  /** Which of these texts stand in a file of the keystore, in any of the forms in which text usually stands. */
  findInKeystore(texts: readonly string[]): Promise<string[]>;
  close(): Promise<void>;
};

export async function setStage(accessTokenTtl: number): Promise<Stage> {
  const sandbox = await startSandbox({ accessTokenTtl });
  const home = await mkdtemp(join(tmpdir(), 'tieline-demo-'));
  const { url, clientId, clientSecret } = sandbox;
  // Written as JSON, which YAML is a superset of.
  const config = {
    enabled: ['sandbox'],
    connectors: { sandbox: { app: { baseUrl: url, clientId, clientSecret } } },
    network: { allowPrivate: [new URL(url).host] },
  };
  await writeFile(join(home, 'config.yaml'), JSON.stringify(config, null, 2), { mode: 0o600 });
  // Nothing of the user's own settings: those may name the store that is in daily use.
  const own = { TIELINE_STORE: '', TIELINE_KEY: '', TIELINE_KEY_FILE: '', TIELINE_CONNECTORS: '' };
  const env = { TIELINE_HOME: home, TIELINE_LOG: 'warn', ...own };
  let opened: Opened | undefined;
  const open = async () => {
    opened ??= await openEngine({ ...process.env, ...env });
    return opened;
  };
  return {
    sandbox,
    home,
    env,
    async link(person) {
      const { engine } = await open();
      const connector = engine.catalog.connector('sandbox');
      const option = connector.defaultOption;
      const visit = async (page: URL) => void (await signInAsPerson(page.href, person, { deliver: true }));
      const tokens = await signIn(engine, connector, option, {}, { port: 0, visit });
      const wanted = { connector: 'sandbox', option: option.key, input: {}, tokens };
      return (await connectAccount(engine, localPrincipal, wanted)).integration;
    },
    async tokens(integration) {
      const { engine } = await open();
      const { values } = await readCredential(
        engine.keystore,
        credentialKey(localPrincipal, 'sandbox', integration.id),
      );
      return [values.accessToken, values.refreshToken].filter((it) => typeof it === 'string');
    },
    async findInKeystore(texts) {
      // Closing a file drops the locks that this process has on it (fcntl(2)), also those that SQLite counts on.
      await opened?.close();
      opened = undefined;
      const files = (await readdir(home)).filter((it) => it.startsWith('tieline.db'));
      const content = Buffer.concat(await Promise.all(files.map((it) => readFile(join(home, it)))));
      const forms = (text: string) => [
        text,
        Buffer.from(text).toString('base64').replaceAll('=', ''),
        Buffer.from(text).toString('hex'),
      ];
      return texts.filter((text) => forms(text).some((form) => content.includes(form)));
    },
    async close() {
      await opened?.close();
      await sandbox.close();
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
