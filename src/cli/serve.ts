import type { RequestListener } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { openIssuer } from '../auth/issuer.ts';
import { openIdProvider } from '../auth/openid.ts';
import { TielineError } from '../errors.ts';
import type { Engine } from '../execute/engine.ts';
import { loadLibrary } from '../http/authserver/provider.ts';
import { agentLink } from '../http/connect/agentlink.ts';
import { defaultLimits, type SignIn, type UserIssuer } from '../http/context.ts';
import { type Listening, listen } from '../http/listen.ts';
import { httpListener } from '../http/listener.ts';
import { mcpUrl } from '../http/mcpcaller.ts';
import { log } from '../log.ts';
import { watchChanges } from '../mcp/changes.ts';
import type { Extension } from '../mcp/extension.ts';
import { type McpHttp, openMcpHttp } from '../mcp/http.ts';
import type { Linker } from '../mcp/link.ts';
import { bootstrap } from './bootstrap.ts';
import { awaitEnding } from './ending.ts';
import { finishRefreshes } from './finishing.ts';
import { connectionsFolder, type Opened, openEngine, shippedConnectors, tellWeaknesses } from './open.ts';
import { printSecret } from './output.ts';
import { readPort } from './port.ts';
import { publicUrl } from './publicurl.ts';
import { surviveFaults } from './survival.ts';
import { wrongClock } from './wrongclock.ts';

export type ServeOptions = { readonly host: string; readonly port: string; readonly json?: boolean };

/** How long requests under way have when a person at a terminal wants the server to end, in milliseconds. */
const PATIENCE_OF_A_PERSON = 5_000;

/**
 * `tieline serve`: the REST API and MCP, until a signal asks it to end; then balancers are told and what is under way is
 * finished first.
 * `extension` is for programs that put more into the MCP server.
 */
export async function serve({ host, port, json }: ServeOptions, extension?: Extension): Promise<void> {
  const given = publicUrl(process.env);
  checkReach(host, given);
  let url = given ?? '';
  const opened = await openEngine(process.env, () => url);
  void tellWeaknesses(opened);
  let mcp: McpHttp | undefined;
  let stopWatching: (() => void) | undefined;
  let listening: Listening | undefined;
  let isEnding = false;
  // A person waits neither for balancers nor for long.
  let drain = { readinessDelay: 0, timeout: PATIENCE_OF_A_PERSON };
  const ending = awaitEnding(() => opened.audit.reopen());
  try {
    const { engine } = opened;
    let serving: RequestListener = notYet;
    const listener: RequestListener = (incoming, outgoing) => serving(incoming, outgoing);
    listening = await listen(listener, { host, port: readPort(port) });
    url ||= `http://${host.includes(':') ? `[${host}]` : host}:${listening.port}`;
    const { signingKeys } = opened;
    const { authorizationServer, clients, requestsPerMinute, trustedProxies } = opened.config.server;
    const limits = { ...defaultLimits, requests: requestsPerMinute };
    mcp = openMcpHttp(engine, {
      bus: opened.bus,
      extension,
      // Whoever opens a link signs in to Tieline first, and the page for that comes with the authorization server.
      link: authorizationServer ? linkerAt(engine, url) : undefined,
    });
    const issuers = issuersOf(opened, url);
    const signIn = signInOf(opened);
    const signing = { signingKeys, issuers, authorizationServer, clients, signIn };
    serving = httpListener({ engine, url, limits, trustedProxies, isEnding: () => isEnding, mcp, ...signing });
    surviveFaults();
    stopWatching = announceChanges(opened);
    const wrong = wrongClock(await engine.keystore.clockAhead());
    if (wrong) log.warn(wrong.message, { hint: wrong.hint });
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
    // Now, as nobody waits yet: the first stranger would have everybody wait for it.
    if (authorizationServer)
      void loadLibrary().catch((cause) => log.error('the authorization server cannot be loaded', { cause }));
    const signal = await ending.asked;
    log.info('ending', { signal });
    if (signal === 'SIGTERM') drain = opened.config.server.drain;
    isEnding = true;
    listening.dismiss();
    await sleep(drain.readinessDelay, undefined, { signal: ending.again }).catch(() => {});
  } finally {
    stopWatching?.();
    await mcp?.endStreams();
    // What a provider was asked to renew is never cut: its answer would be lost for good.
    const abandon = () => finishRefreshes().then(() => opened.engine.sender.close());
    await listening?.close({ patience: drain.timeout, signal: ending.again, abandon });
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

const notYet: RequestListener = (_, outgoing) => void outgoing.writeHead(503, { 'retry-after': '1' }).end();

/**
 * Secrets and tokens cross the network as they are: other machines are served behind TLS only. Throws `config_invalid`
 * for an address that others can reach, unless clients come in by https, or from this machine as out of a container.
 */
function checkReach(host: string, given: string | undefined): void {
  if (isLoopback(host)) return;
  const url = given === undefined ? undefined : new URL(given);
  if (url && (url.protocol === 'https:' || isLoopback(url.hostname))) return;
  const why = url ? `by ${url.protocol.slice(0, -1)}, without TLS` : 'with nothing before it';
  throw new TielineError('config_invalid', `${host} is reached by other machines ${why}`, {
    hint: 'Put a proxy with TLS before it and set TIELINE_URL to its address, as in https://tieline.example.com, or leave out --host.',
  });
}

const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?)$/i.test(host);
