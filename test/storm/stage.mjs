import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signIn } from '../../dist/cli/connect.js';
import { openEngine } from '../../dist/cli/open.js';
import { connectAccount } from '../../dist/execute/connect.js';
import { credentialKey } from '../../dist/integration/accounts.js';
import { localPrincipal } from '../../dist/integration/principal.js';
import { signIn as signInAsPerson } from '../../dist/sandbox/person.js';
import { startSandbox } from '../../dist/sandbox/sandbox.js';
import { makePlace } from './place.mjs';

/** How the token's time is over: as Tieline knows too, or as only the provider says, with 401. */
export const EXPIRIES = ['clock', 'told'];

/** The environment of a home, with nothing of the developer's own but where programs are. */
const environment = (home, store) => ({
  PATH: process.env.PATH ?? '',
  TIELINE_HOME: home,
  TIELINE_STORE: store,
  TIELINE_LOG: 'warn',
});

/** The honest sandbox, a home on a store of its own, and one account linked by the code flow. */
export async function setStage(kind) {
  const sandbox = await startSandbox({ accessTokenTtl: 3_600, callsPerMinute: 1_000_000 });
  const home = await mkdtemp(join(tmpdir(), 'tieline-storm-'));
  const place = makePlace(kind, home);
  const env = environment(home, place.url);
  let opened;
  const close = async () => {
    await opened?.close();
    await sandbox.close();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
    await place.remove();
  };
  try {
    const { url, clientId, clientSecret } = sandbox;
    const config = {
      enabled: ['sandbox'],
      connectors: { sandbox: { app: { baseUrl: url, clientId, clientSecret } } },
      network: { allowPrivate: [new URL(url).host] },
    };
    await writeFile(join(home, 'config.yaml'), JSON.stringify(config), { mode: 0o600 });
    opened = await openEngine(env);
    const { engine } = opened;
    const key = credentialKey(localPrincipal, 'sandbox', await link(engine));
    return { sandbox, env, engine, close, expire: (how) => expire(how, { sandbox, keystore: engine.keystore, key }) };
  } catch (error) {
    await close();
    throw error;
  }
}

async function link(engine) {
  const connector = engine.catalog.connector('sandbox');
  const option = connector.defaultOption;
  const visit = async (page) => void (await signInAsPerson(page.href, 'ada', { deliver: true }));
  const tokens = await signIn(engine, connector, option, {}, { port: 0, visit });
  const wanted = { connector: 'sandbox', option: option.key, input: {}, tokens };
  return (await connectAccount(engine, localPrincipal, wanted)).integration.id;
}

async function expire(how, { sandbox, keystore, key }) {
  sandbox.expireAccessTokens();
  if (how === 'told') return;
  const { value } = await keystore.read(key);
  await keystore.write(key, { ...value, obtainedAt: Date.now() - 3_600_000, expiresAt: Date.now() - 1 });
}
