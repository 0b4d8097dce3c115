import { randomBytes } from 'node:crypto';
import { type ApiClient, apiClient } from '../auth/apiclient.ts';
import type { Credential } from '../auth/credential.ts';
import type { Challenge, Moment } from '../auth/type.ts';
import { authType } from '../auth/types.ts';
import { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import type { HttpRequest } from '../network/send.ts';
import { SHORTEST_SECRET } from '../secret.ts';
import type { Secrets } from '../secrets.ts';
import type { AccountOptions } from './account.ts';
import { accountSecrets } from './accountsecrets.ts';
import { accountReach, type Reach } from './reach.ts';
import { accountScope, type Roots, withRoots } from './scope.ts';

/** What makes requests those of one account: its credential, and what its option makes of it. */
export type Authenticator = {
  readonly scripts: Scripts;
  /** The credential to use; another one than the version that was refused. */
  take(rejectedVersion?: number): Promise<Credential>;
  /** The one that was taken last. */
  current(): Credential | undefined;
  scopeOf(credential: Credential, roots?: Roots): Scope;
  /** For one request, whose own roots its expressions see too. */
  using(credential: Credential, roots?: Roots): Prepared;
  dispose(): void;
};

export type Prepared = {
  /** What expressions see. */
  readonly scope: Scope;
  readonly client: ApiClient | undefined;
  readonly reach: Reach;
  /** Present where a server's challenge is answered: whose challenges are kept together, and which are answered. */
  readonly challenges?: { readonly of: string; canAnswer(challenge: string): boolean };
  /** The request as the account: the last step before it is sent. */
  authenticate(request: HttpRequest, challenge?: Challenge): HttpRequest | Promise<HttpRequest>;
};

/** `secrets` is told those that are used, also in the form in which they travel. */
export function openAuthenticator(options: AccountOptions, secrets: Secrets): Authenticator {
  const { connector, option, now, user } = options;
  const scripts = new Scripts({ functions: connector.functions, scrub: secrets.scrub });
  const type = authType(option);
  let current: Credential | undefined;
  const scopeOf = (credential: Credential, roots?: Roots): Scope => withRoots(accountScope(options, credential), roots);

  return {
    scripts,
    scopeOf,
    current: () => current,
    async take(rejectedVersion) {
      current = await options.credentials(rejectedVersion);
      secrets.keep(accountSecrets(options, current).texts);
      return current;
    },
    using(credential, roots) {
      const account = accountScope(options, credential);
      const scope = withRoots(account, roots);
      const client = apiClient(option, scope, scripts);
      const shown = () => type.tls?.(option, scope, scripts);
      const reach = accountReach({ connector, linked: options.linked, account, scope }, scripts, shown);
      return {
        scope,
        client,
        reach,
        ...(type.challenges && {
          challenges: { of: type.challenges.of(option, scope, scripts), canAnswer: type.challenges.canAnswer },
        }),
        authenticate(unsigned, challenge) {
          const made = client?.apply(unsigned) ?? unsigned;
          const moment: Moment = { now: now(), nonce, scripts, user, hosts: reach.hosts, challenge };
          const kept = (signed: HttpRequest): HttpRequest => {
            keepAdded(unsigned, signed, secrets);
            return signed;
          };
          const signed = type.apply(option, scope, made, moment);
          return signed instanceof Promise ? signed.then(kept) : kept(signed);
        },
      };
    },
    dispose: () => scripts.dispose(),
  };
}

const nonce = (): string => randomBytes(16).toString('hex');

/** What authentication put into headers and query: as it travels a secret may have a form of its own. */
export function keepAdded(unsigned: HttpRequest, signed: HttpRequest, secrets: Secrets): void {
  for (const name in signed.headers) {
    const value = signed.headers[name];
    if (value !== undefined && unsigned.headers[name] !== value) keepText(name, value, secrets);
  }
  if (signed.url === unsigned.url || signed.url.search === unsigned.url.search) return;
  for (const [name, value] of signed.url.searchParams) {
    if (unsigned.url.searchParams.get(name) !== value) keepText(name, value, secrets);
  }
}

function keepText(name: string, value: string, secrets: Secrets): void {
  if (/(?:^|-)date$/i.test(name)) return;
  const credential = value.slice(value.lastIndexOf(' ') + 1);
  // With the name of a scheme before it, it is found all the same, unless it is too short to be looked for.
  secrets.keep([credential.length < SHORTEST_SECRET ? value : credential]);
}
