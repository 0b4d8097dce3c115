import { openIssuer } from '../auth/issuer.ts';
import { openIdProvider } from '../auth/openid.ts';
import { openSigningKeys } from '../auth/signingkeys.ts';
import { TielineError } from '../errors.ts';
import type { Engine } from '../execute/engine.ts';
import { httpApp } from '../http/app.ts';
import { agentLink } from '../http/connect/agentlink.ts';
import { defaultLimits, type SignIn, type UserIssuer } from '../http/context.ts';
import { type Listening, listen } from '../http/listen.ts';
import { mcpUrl } from '../http/mcpcaller.ts';
import { log } from '../log.ts';
import { watchChanges } from '../mcp/changes.ts';
import type { Extension } from '../mcp/extension.ts';
import { type McpHttp, openMcpHttp } from '../mcp/http.ts';
import type { Linker } from '../mcp/link.ts';
import { bootstrap } from './bootstrap.ts';
import { connectionsFolder, type Opened, openEngine, shippedConnectors } from './open.ts';
import { printSecret } from './output.ts';
import { readPort } from './port.ts';

export type ServeOptions = { readonly host: string; readonly port: string; readonly json?: boolean };

/**
 * `tieline serve`: the REST API and MCP, until a signal asks it to end; then what is under way is finished first.
 * `extension` is for programs that put more into the MCP server.
 */
export async function serve({ host, port, json }: ServeOptions, extension?: Extension): Promise<void> {
  const opened = await openEngine();
  let mcp: McpHttp | undefined;
  let stopWatching: (() => void) | undefined;
  let listening: Listening | undefined;
  try {
    const { engine } = opened;
    let app: ReturnType<typeof httpApp> | undefined;
    listening = await listen((request, env) => app?.fetch(request, env) ?? notYet(), { host, port: readPort(port) });
    const url = publicUrl(host, listening.port);
    const signingKeys = openSigningKeys({ keystore: engine.keystore, now: engine.now, issuer: url });
    const { authorizationServer, clients } = opened.config.server;
    mcp = openMcpHttp(engine, {
      bus: opened.bus,
      extension,
      // Whoever opens a link signs in to Tieline first, and the page for that comes with the authorization server.
      link: authorizationServer ? linkerAt(engine, url) : undefined,
    });
    const issuers = issuersOf(opened, url);
    const signIn = signInOf(opened);
    const signing = { signingKeys, issuers, authorizationServer, clients, signIn };
    app = httpApp({ engine, url, limits: defaultLimits, mcp, ...signing });
    stopWatching = announceChanges(opened);
    const first = await bootstrap(engine, { name: 'default', onlyIfNone: true });
    printSecret({ url, ...first }, json, (it) =>
      [
        `Tieline serves at ${it.url}; the API is described at ${it.url}/api/v1/docs`,
        ...(first
          ? [
              `\nOrganization ${first.organization} was made. Its client API key, shown this once:\n\n  ${first.clientKey}\n`,
            ]
          : []),
      ].join('\n'),
    );
    const signal = await untilSignal();
    log.info('ending', { signal });
  } finally {
    stopWatching?.();
    await mcp?.endStreams();
    await listening?.close();
    await mcp?.close();
    await opened.close();
  }
}

/** What other processes change: accounts through the store, definitions in their folders. Gives what ends it. */
function announceChanges({ bus, config, storeFile, reload }: Opened): () => void {
  void bus.listen();
  const definitions = [shippedConnectors, ...config.folders, connectionsFolder(config)];
  return watchChanges({ storeFile, definitions }, async (areDefinitions) => {
    if (areDefinitions) await reload();
    bus.tell(undefined);
  });
}

/** Links for the user who asks: nobody else can link an account for them. */
const linkerAt =
  (engine: Engine, url: string): Linker =>
  (who, wanted) =>
    agentLink({ engine, url }, who, { ...wanted, requires: 'session' });

const issuersOf = ({ config, engine }: Opened, url: string): UserIssuer[] =>
  config.server.issuers.map(({ issuer, jwksUri, audience = mcpUrl(url), ...users }) => ({
    ...openIssuer({ issuer, jwksUri, audience, sender: engine.sender, now: engine.now }),
    ...users,
  }));

function signInOf({ config, engine }: Opened): SignIn | undefined {
  const { signIn } = config.server;
  return signIn && { ...openIdProvider({ ...signIn, sender: engine.sender }), ...signIn };
}

const notYet = (): Response => new Response(null, { status: 503, headers: { 'retry-after': '1' } });

/** TIELINE_URL, or where it listens. Throws `config_invalid`. */
function publicUrl(host: string, port: number): string {
  const given = process.env.TIELINE_URL?.trim();
  if (!given) return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.search && !url.hash) return url.href.replace(/\/$/, '');
  throw new TielineError('config_invalid', 'TIELINE_URL is no web address', {
    hint: 'Write it as in https://tieline.example.com',
  });
}

const untilSignal = (): Promise<string> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(signal));
  });
