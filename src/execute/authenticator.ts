import { randomBytes } from 'node:crypto';
import { type ApiClient, apiClient } from '../auth/apiclient.ts';
import { type Credential, secretsOf } from '../auth/credential.ts';
import type { Challenge, Moment } from '../auth/type.ts';
import { authType, inputSchema } from '../auth/types.ts';
import type { Values } from '../connector/values.ts';
import { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import type { HttpRequest } from '../network/send.ts';
import type { AccountOptions } from './account.ts';
import { type Reach, reachOf } from './reach.ts';
import { accountScope } from './scope.ts';

/** What makes requests those of one account: its credential, and what its option makes of it. */
export type Authenticator = {
  readonly scripts: Scripts;
  /** The credential to use; another one than the version that was refused. */
  take(rejectedVersion?: number): Promise<Credential>;
  scopeOf(credential: Credential, roots?: Values): Scope;
  /** For one request, whose own roots its expressions see too. */
  using(credential: Credential, roots?: Values): Prepared;
  dispose(): void;
};

export type Prepared = {
  readonly client: ApiClient | undefined;
  readonly reach: Reach;
  /** Present where a server's challenge is answered: whose challenges are kept together, and which are answered. */
  readonly challenges?: { readonly of: string; canAnswer(challenge: string): boolean };
  /** The request as the account: the last step before it is sent. */
  authenticate(request: HttpRequest, challenge?: Challenge): Promise<HttpRequest>;
};

/** `keep` is told every secret that is used, also in the form in which it travels. */
export function openAuthenticator(options: AccountOptions, keep: (secret: string) => void): Authenticator {
  const { connector, option, now, user } = options;
  const scripts = new Scripts({ functions: connector.functions });
  const schema = inputSchema(option);
  const type = authType(option);
  let known: { readonly credential: Credential; readonly scope: Scope } | undefined;

  /** The account's own roots stay the same values for one credential, so that the sandbox is given them once. */
  function scopeOf(credential: Credential, roots: Values = {}): Scope {
    if (known?.credential !== credential) known = { credential, scope: accountScope(options, credential) };
    return { ...known.scope, ...roots };
  }

  return {
    scripts,
    scopeOf,
    async take(rejectedVersion) {
      const credential = await options.credentials(rejectedVersion);
      for (const secret of secretsOf(credential, schema)) keep(secret);
      return credential;
    },
    using(credential, roots) {
      const scope = scopeOf(credential, roots);
      const client = apiClient(option, scope, scripts);
      const reach = reachOf(connector, scope, scripts, type.tls?.(option, scope, scripts));
      return {
        client,
        reach,
        ...(type.challenges && {
          challenges: { of: type.challenges.of(option, scope, scripts), canAnswer: type.challenges.canAnswer },
        }),
        async authenticate(unsigned, challenge) {
          const made = client?.apply(unsigned) ?? unsigned;
          const moment: Moment = { now: now(), nonce, scripts, user, hosts: reach.hosts, challenge };
          const signed = await type.apply(option, scope, made, moment);
          for (const text of addedTexts(unsigned, signed)) keep(text);
          return signed;
        },
      };
    },
    dispose: () => scripts.dispose(),
  };
}

const nonce = (): string => randomBytes(16).toString('hex');

/** What authentication put into headers and query: as it travels a secret may have a form of its own. */
function* addedTexts(unsigned: HttpRequest, signed: HttpRequest): Generator<string> {
  const texts = ({ headers, url }: HttpRequest) => new Map([...Object.entries(headers), ...url.searchParams]);
  const before = texts(unsigned);
  for (const [name, value] of texts(signed)) {
    if (before.get(name) === value || /(?:^|-)date$/i.test(name)) continue;
    yield value.slice(value.lastIndexOf(' ') + 1);
    yield value;
  }
}
