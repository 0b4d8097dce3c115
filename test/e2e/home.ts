import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/sandbox.ts';
import { type Ended, type Env, tieline as inOwnProcess, type Options, temporary } from './program.ts';

export type Home = {
  readonly path: string;
  readonly env: Env;
  readonly sandbox: Sandbox;
  /** Where definitions of the test's own are; it is among TIELINE_CONNECTORS. */
  readonly definitions: string;
  /** Says more in `config.yaml`, under `server` and beside it. */
  configure(server: object, more?: object): Promise<void>;
  run(args: readonly string[], options?: Options): Promise<Ended>;
  /** Links a person of the sandbox by their key. Throws when that fails. */
  connectKey(person: string, identifier?: string): Promise<void>;
  close(): Promise<void>;
};

/** A home folder that knows a sandbox, which runs in this process, and other servers on loopback by `host:port`. */
export async function makeHome(
  options: SandboxOptions & { hosts?: readonly string[]; tieline?: typeof inOwnProcess; server?: object } = {},
): Promise<Home> {
  const { hosts = [], tieline = inOwnProcess, server, ...more } = options;
  const sandbox = await startSandbox(more);
  const { url, clientId, clientSecret } = sandbox;
  const folder = await temporary();
  const path = join(folder.path, 'home');
  const definitions = join(folder.path, 'definitions');
  await mkdir(path, { mode: 0o700 });
  await mkdir(definitions);
  const config = {
    connectors: { sandbox: { app: { baseUrl: url, clientId, clientSecret } } },
    network: { allowPrivate: [new URL(url).host, ...hosts] },
    server,
  };
  const configure = (server: object, more: object = {}) => {
    const whole = { ...config, server: { ...config.server, ...server }, ...more };
    return writeFile(join(path, 'config.yaml'), JSON.stringify(whole, null, 2), { mode: 0o600 });
  };
  await configure({});
  const env = { TIELINE_HOME: path, TIELINE_CONNECTORS: definitions };
  const run = (args: readonly string[], given: Options = {}) =>
    tieline(args, { ...given, env: { ...env, ...given.env } });
  return {
    path,
    env,
    sandbox,
    definitions,
    configure,
    run,
    async connectKey(person, identifier = person) {
      const args = ['connect', 'sandbox', '--option', 'key', '--identifier', identifier, '--input', '-', '--json'];
      const { code, stderr, stdout } = await run(args, { input: JSON.stringify({ apiKey: sandbox.apiKey(person) }) });
      if (code !== 0) throw new Error(`${person} was not connected: ${stdout}${stderr}`);
    },
    async close() {
      await sandbox.close();
      await folder.remove();
    },
  };
}
