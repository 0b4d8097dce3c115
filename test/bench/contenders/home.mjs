import { randomUUID } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { definitions } from '../api/definition.mjs';
import { tielineModules } from './build.mjs';
import { bulkKeystore } from './bulk.mjs';

/** Nobody is to be slowed down while they are measured. */
const UNLIMITED = 1_000_000_000;
const YEAR_MS = 365 * 24 * 60 * 60_000;

/**
 * A data folder of Tieline with a connector of `tools` tools and an OAuth account there, for the person at the machine
 * and for `users` users of an organization, each with `integrations` accounts: `{ env, users, remove() }`. A user is
 * `{ token, identifier, secret }`, with a personal access token. `only` leaves the shipped connectors out.
 */
export async function makeHome({ upstream, tools = 1, users = 1, integrations = 1, store, shipped = false }) {
  const home = await mkdtemp(join(tmpdir(), 'tieline-bench-'));
  made.add(home);
  const env = {
    TIELINE_HOME: home,
    TIELINE_CONNECTORS: join(home, 'definitions'),
    TIELINE_LOG: 'error',
    ...(store && { TIELINE_STORE: store }),
  };
  const connectors = definitions(tools);
  for (const it of connectors) {
    const folder = join(home, 'definitions', it.connector);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'connector.yaml'), JSON.stringify(it));
  }
  const app = { baseUrl: upstream.url, clientId: 'bench', clientSecret: 'bench-secret' };
  const config = {
    ...(!shipped && { enabled: connectors.map((it) => it.connector) }),
    connectors: Object.fromEntries(connectors.map((it) => [it.connector, { app }])),
    network: { allowPrivate: [new URL(upstream.url).host] },
    server: { requestsPerMinute: UNLIMITED },
  };
  await writeFile(join(home, 'config.yaml'), JSON.stringify(config), { mode: 0o600 });
  return {
    env,
    ...(await fill(home, env, { users, integrations })),
    remove: () => rm(home, { recursive: true, force: true, maxRetries: 5 }),
  };
}

const made = new Set();
process.once('exit', () => {
  for (const home of made) rmSync(home, { recursive: true, force: true });
});

/** A copy of the home is filled in memory where that is possible: each row that a disk keeps for sure takes its time. */
async function fill(home, env, wanted) {
  if (env.TIELINE_STORE !== undefined || !existsSync(MEMORY)) return link(env, wanted);
  const copy = await mkdtemp(join(MEMORY, 'tieline-bench-'));
  made.add(copy);
  await cp(home, copy, { recursive: true });
  const linked = await link({ ...env, TIELINE_HOME: copy }, wanted);
  await cp(copy, home, { recursive: true });
  await rm(copy, { recursive: true });
  return linked;
}

const MEMORY = '/dev/shm';

async function link(env, { users, integrations }) {
  const module = await tielineModules();
  const { openEngine } = await module('cli/open');
  const { connectAccount } = await module('execute/connect');
  const { localPrincipal, SCOPES } = await module('integration/principal');
  const { createOrganization } = await module('integration/organization');
  const { createClientKey } = await module('integration/clientkey');
  const { createUser } = await module('integration/user');
  const { createPersonalToken } = await module('integration/personaltoken');
  const { addIntegration, credentialKey } = await module('integration/accounts');
  const { noteLocation } = await module('integration/locator');
  const { storeKey } = await module('keystore/store');
  const { engine, close } = await openEngine(env);
  try {
    const now = Date.now();
    const input = { refresh_token: 'bench-refresh-token' };
    const wanted = { connector: 'bench', option: 'oauth', identifier: 'main', input };
    const { integration } = await connectAccount(engine, localPrincipal, wanted);
    const { value: credential } = await engine.keystore.read(credentialKey(localPrincipal, 'bench', integration.id));
    const { id: _, ...account } = integration;
    const { keystore, flush } = bulkKeystore(engine.keystore);
    /** Adding them one by one takes a time that grows with the square of their number. */
    const addMore = async (who, main) => {
      const key = storeKey('integrations', who.organization, who.user, 'bench');
      const { value: all } = await keystore.read(key);
      const more = Array.from({ length: integrations - 1 }, (_, index) => ({
        ...main,
        id: randomUUID(),
        identifier: `account-${index}`,
      }));
      await keystore.write(key, { ...all, items: [...all.items, ...more] });
      for (const { id } of more) {
        await noteLocation(keystore, who, 'bench', id);
        await keystore.write(credentialKey(who, 'bench', id), credential);
      }
    };
    await addMore(localPrincipal, integration);
    const { id: organization } = await createOrganization(keystore, { name: 'bench', now });
    const { text: clientKey } = await createClientKey(keystore, { name: 'bench', organizations: [organization], now });
    const made = [];
    for (let i = 0; i < users; i += 1) {
      const identifier = `user-${i}`;
      const { user, secret } = await createUser(keystore, organization, identifier, now);
      const token = { name: 'bench', scopes: [...SCOPES], expiresAt: now + YEAR_MS, now };
      const { text } = await createPersonalToken(keystore, user, token);
      const who = { organization, user: user.id };
      await addMore(who, await addIntegration(keystore, who, account, credential));
      made.push({ identifier, secret, token: text });
    }
    await flush();
    return { clientKey, users: made };
  } finally {
    await close();
  }
}
