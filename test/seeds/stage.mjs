import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Tieline } from '../../dist/index.js';
import { startSandbox } from '../../dist/sandbox/sandbox.js';
import { makeAuthority } from './authority.mjs';
import { startGmail } from './gmail.mjs';
import { serve, tieline } from './tieline.mjs';
import { startWorkshop } from './workshop.mjs';

/** Where the program that asks wants the browser back, as it is printed. */
export const REDIRECT_URL = 'https://yourapp.com/oauth/callback';

/** Folder of the connectors that are written for this. */
export const DEFINITIONS = fileURLToPath(new URL('definitions', import.meta.url));

/**
 * A home, the providers, and a server on it: `{ folder, env, server, gmail, sandbox, workshop, authority, client(more),
 * close() }`.
 */
export async function setStage() {
  const folder = await mkdtemp(join(tmpdir(), 'tieline-seeds-'));
  const open = [() => rm(folder, { recursive: true, force: true, maxRetries: 5 })];
  const close = async () => {
    for (const end of open.reverse()) await end();
  };
  const opened = async (promise) => {
    const it = await promise;
    open.push(() => it.close());
    return it;
  };
  try {
    const authority = await makeAuthority(folder, 'google');
    let url = '';
    const gmail = await opened(
      startGmail({
        authority,
        person: 'ada@example.com',
        clientId: 'app-1.apps.googleusercontent.com',
        clientSecret: 'GOCSPX-of-this-run-only',
        callback: () => `${url}/callback/gmail`,
      }),
    );
    const sandbox = await opened(startSandbox());
    const workshop = await opened(startWorkshop({ tieline: () => url }));
    const env = {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      TIELINE_HOME: folder,
      TIELINE_LOG: 'debug',
      TIELINE_CONNECTORS: DEFINITIONS,
      NODE_EXTRA_CA_CERTS: authority.file,
    };
    const config = {
      connectors: {
        sandbox: { app: { baseUrl: sandbox.url, clientId: sandbox.clientId, clientSecret: sandbox.clientSecret } },
        gmail: { app: { clientId: gmail.clientId, clientSecret: gmail.clientSecret } },
        workshop: { app: workshop.app },
        bench: { app: { baseUrl: workshop.app.baseUrl } },
        sql: {},
      },
      network: { connectTo: gmail.detour, allowPrivate: ['127.0.0.1', 'localhost'], allowFiles: [folder] },
    };
    await writeFile(join(folder, 'config.yaml'), JSON.stringify(config), { mode: 0o600 });
    const server = await opened(serve(env));
    url = server.url;
    await tieline(env, ['organizations', 'redirect', REDIRECT_URL]);
    const client = (more) => new Tieline({ apiBaseUrl: server.url, apiKey: server.clientKey, ...more });
    return { folder, env, server, gmail, sandbox, workshop, authority, client, close };
  } catch (error) {
    await close();
    throw error;
  }
}
