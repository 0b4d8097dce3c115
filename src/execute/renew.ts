import type { Credential } from '../auth/credential.ts';
import type { Ask, Granted } from '../auth/type.ts';
import { renewalFor } from '../auth/types.ts';
import type { Connector } from '../connector/connector.ts';
import { Scripts } from '../expression/sandbox.ts';
import { compileTemplate } from '../expression/template.ts';
import type { Send } from '../network/send.ts';
import type { AccountOptions } from './account.ts';
import { accountSecrets } from './accountsecrets.ts';
import { readAnswer } from './answer.ts';
import { boundSend } from './reach.ts';
import { buildRequest, withBase } from './request.ts';
import { accountScope } from './scope.ts';
import { streamOf, watch } from './stream.ts';

/**
 * Asks the provider for what follows this credential. Needs `loadSandbox` first.
 *
 * Throws `reauthorization_required` when only the user can help, `refresh_failed` when the provider could not be asked.
 */
export async function renewCredential(
  options: Pick<AccountOptions, 'connector' | 'option' | 'app' | 'settings' | 'facts' | 'linked' | 'sender' | 'now'>,
  credential: Credential,
): Promise<Granted> {
  const { connector, option, sender, now } = options;
  const renewal = renewalFor(option);
  if (!renewal) throw new Error(`${option.key} is never renewed`);
  const secrets = accountSecrets(options, credential);
  const scope = accountScope(options, credential);
  const scripts = new Scripts({ functions: connector.functions, scrub: secrets.scrub });
  const endsAt = performance.now() + LONGEST_RENEWAL;
  try {
    // Shared by all callers, so that no one caller's cancellation may end it.
    const send = boundSend(sender, { connector, scope, linked: options.linked }, scripts, undefined, endsAt);
    const ask = askOf(connector, send, scripts);
    const context = { connector: connector.name, option, scope, send, ask, scripts, now: now(), endsAt, secrets };
    return await secrets.guard(() => renewal.renew(context));
  } finally {
    scripts.dispose();
  }
}

/** Milliseconds. Others of the machine take a process for dead that lives and shows no sign for much longer. */
const LONGEST_RENEWAL = 60_000;

const LARGEST_ANSWER = 256 * 1024;

/** What makes the requests of a login: as written, with nothing of the API's own headers and credentials. */
export function askOf(connector: Connector, send: Send, scripts: Scripts | undefined): Ask {
  return async (plan, scope, { baseUrl, tls, signal } = {}) => {
    const server = { ...connector.server(), headers: NOTHING, query: NOTHING };
    const request = buildRequest({ plan, server: withBase(server, baseUrl), scope, scripts });
    const stream = plan.stream && streamOf(plan.stream, scope, scripts);
    const response = await send(request, {
      followRedirects: plan.followRedirects,
      ...(stream && { onData: watch(stream) }),
      maxBytes: LARGEST_ANSWER,
      ...(tls && { tls }),
      ...(signal && { signal }),
    });
    return readAnswer(response, 'data', stream);
  };
}

const NOTHING = compileTemplate({});
