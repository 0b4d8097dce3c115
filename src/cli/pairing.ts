import { userInfo } from 'node:os';
import { isTielineError, TielineError } from '../errors.ts';
import { agentLink } from '../http/connect/agentlink.ts';
import { connectApp } from '../http/connect/app.ts';
import { choicesOf } from '../http/connect/choices.ts';
import { type Backend, defaultLimits } from '../http/context.ts';
import { type Listening, listen, webListener } from '../http/listen.ts';
import { localPrincipal } from '../integration/principal.ts';
import { log } from '../log.ts';
import type { Linker } from '../mcp/link.ts';
import type { Opened } from './open.ts';

/** The pages on which the person at this machine links accounts that their agent asks for. */
export type Pairing = {
  readonly link: Linker;
  close(): Promise<void>;
};

const HOST = '127.0.0.1';
/** Milliseconds without a link and a request; what was begun at a provider is over by then, too. */
const IDLE = 10 * 60_000;

type Serving = { readonly backend: Backend; readonly listening: Listening };

/** Listens from the first link on, until nobody has come for ten minutes. A later link opens another port. */
export function openPairing({ engine, signingKeys }: Opened, { idle = IDLE } = {}): Pairing {
  let serving: Promise<Serving> | undefined;
  let timer: NodeJS.Timeout | undefined;

  const end = async () => {
    clearTimeout(timer);
    const ending = serving;
    serving = undefined;
    await ending?.then(({ listening }) => listening.close()).catch(() => {});
  };
  const stay = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void end(), idle);
    timer.unref();
  };

  async function start(): Promise<Serving> {
    let app: ReturnType<typeof connectApp> | undefined;
    const answer = (request: Request, env: object) => {
      stay();
      return app?.fetch(request, env) ?? new Response(null, { status: 503 });
    };
    const listening = await listen(webListener(answer), { host: HOST, port: 0 });
    const url = `http://${HOST}:${listening.port}`;
    const local = { organization: 'Tieline on this machine', user: userName() };
    const backend: Backend = { engine, signingKeys, url, limits: defaultLimits, local };
    app = connectApp(backend);
    log.debug('the page for linking accounts is served', { url });
    return { backend, listening };
  }

  return {
    async link(who, wanted) {
      stay();
      serving ??= start();
      const { backend } = await serving.catch((error: unknown) => {
        serving = undefined;
        throw error;
      });
      try {
        // The usual way must be open: a page with the others alone would hide what the terminal can do.
        const connector = engine.catalog.connector(wanted.connector);
        const { option = connector.defaultOption.key } = wanted;
        await choicesOf(backend, connector, { organization: who.organization, option, input: {} });
        return await agentLink(backend, who, { ...wanted, requires: 'browser' });
      } catch (error) {
        throw inTerminal(error, wanted.connector);
      }
    },
    close: end,
  };
}

/** What a page cannot ask for, such as the operator's OAuth app, the terminal can. */
function inTerminal(error: unknown, connector: string): unknown {
  if (!isTielineError(error) || !['config_invalid', 'arguments_invalid'].includes(error.code)) return error;
  return new TielineError(error.code, error.message, {
    hint: `Ask the user to connect it in a terminal with: tieline connect ${connector}`,
    cause: error,
  });
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return localPrincipal.user; // an id that no account of the system has
  }
}
