import type { AuthOptionSpec, TokenRequest } from '../connector/authspec.ts';
import { planRequest, type RequestPlan } from '../connector/plan.ts';
import type { Values } from '../connector/values.ts';
import { isTielineError, TielineError } from '../errors.ts';
import type { Scope } from '../expression/template.ts';
import { withToken } from './bearer.ts';
import { isDistrusted, trustHint } from './distrust.ts';
import { optionOf, templateTree, textOf } from './option.ts';
import { marked, plain, secondsToWait } from './tokenerror.ts';
import type { Answered, AuthType, Granted, RenewContext } from './type.ts';

type Spec = Extract<AuthOptionSpec, { type: 'token_request' }>;

/** A token that a login request gives for what the user typed: made when first needed, and again when it ends. */
export const tokenRequest: AuthType = {
  schema: { type: 'object', properties: {} },
  apply: (option, scope, request) =>
    withToken(
      request,
      optionOf(option, 'token_request'),
      textOf('{{ credentials.accessToken }}', scope, `${option.key}: the token`),
    ),
  renewal: {
    isMissing: (scope) => templateTree('{{ credentials.accessToken }}').evaluate(scope) === undefined,
    isPossible: () => true,
    renew,
  },
};

async function renew(context: RenewContext): Promise<Granted> {
  const { option, scope, scripts, now } = context;
  const spec = optionOf(option, 'token_request');
  const steps: Record<string, Answered> = {};
  let answer: Answered = { status: 0, headers: {}, body: null };
  for (const { id, request } of spec.steps ?? [{ id: 'login', request: spec.request }]) {
    if (request) answer = await login(context, request, { ...scope, steps });
    steps[id] = answer;
  }
  const { status: statusCode, headers, body } = answer;
  const seen: Scope = { ...scope, steps, response: answer, body, statusCode, headers };
  const { token, expiration, save } = templateTree(spec.outputs).evaluate(seen, scripts) as Outputs;
  if (typeof token !== 'string' || token === '') {
    throw failed(context, 'gave no token', { code: 'refresh_failed' });
  }
  const lifeMs = lifeOf(expiration, spec);
  return {
    values: { ...save?.credentials, accessToken: token },
    ...(save?.account && { facts: save.account }),
    ...(lifeMs !== undefined && { expiresAt: now + lifeMs }),
  };
}

type Outputs = {
  readonly token?: unknown;
  readonly expiration?: unknown;
  readonly save?: { readonly account?: Values; readonly credentials?: Values };
};

/** A hundred years: what is longer means never. */
const LONGEST_LIFE = 100 * 365 * 86_400_000;

/** Milliseconds. Providers also give the seconds as text. */
function lifeOf(expiration: unknown, { ttl }: Spec): number | undefined {
  const given = typeof expiration === 'string' || typeof expiration === 'number' ? Number(expiration) : 0;
  return given > 0 ? Math.min(given * 1_000, LONGEST_LIFE) : ttl;
}

async function login(context: RenewContext, request: TokenRequest, scope: Scope): Promise<Answered> {
  const { scripts, ask } = context;
  const text = (source: string | undefined) =>
    source === undefined ? undefined : textIn(templateTree(source).evaluate(scope, scripts));
  const baseUrl = text(request.baseUrl);
  const ca = text(request.trustedCa);
  let answer: Answered;
  try {
    answer = await ask(planOf(request), scope, { baseUrl, ...(ca !== undefined && { tls: { ca } }) });
  } catch (error) {
    // What did not come from the network, such as an address that may not be reached, is the same at the next try.
    if (!isTielineError(error) || !/^(?:upstream|response)_/.test(error.code)) throw error;
    throw failed(context, `could not be used: ${error.message}`, {
      code: 'refresh_failed',
      ...(error.retryAfter !== undefined && { retryAfter: error.retryAfter }),
      ...(isDistrusted(error) && { hint: trustHint('tokenTrustedCa', 'the token request') }),
      cause: error,
    });
  }
  if (answer.status >= 200 && answer.status < 300) return answer;
  const why = `answered with status ${answer.status}`;
  if (answer.status === 401 || answer.status === 403) throw failed(context, why, { code: 'reauthorization_required' });
  if (answer.status < 500 && answer.status !== 408 && answer.status !== 429) {
    throw failed(context, why, { code: 'config_invalid' });
  }
  const wait = secondsToWait(answer);
  const error = failed(context, why, { code: 'refresh_failed', ...(wait !== undefined && { retryAfter: wait }) });
  throw marked(error, answer);
}

const textIn = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

const plans = new WeakMap<TokenRequest, RequestPlan>();

function planOf(request: TokenRequest): RequestPlan {
  const plan = plans.get(request) ?? planRequest(request);
  plans.set(request, plan);
  return plan;
}

type Failing = {
  readonly code: 'reauthorization_required' | 'refresh_failed' | 'config_invalid';
  readonly retryAfter?: number;
  readonly hint?: string;
  readonly cause?: unknown;
};

const HINTS = {
  reauthorization_required: 'Connect the account again with the right user name, password or key.',
  refresh_failed: 'Try again in a while.',
  config_invalid: 'Check what the account was connected with, and the token request of the definition.',
} as const;

function failed(
  { connector, secrets }: RenewContext,
  why: string,
  { code, hint = HINTS[code], ...more }: Failing,
): TielineError {
  const message = plain(`the token request of ${connector} ${why}`, secrets?.scrub) ?? '';
  return new TielineError(code, message, { hint, ...more });
}
