import type { Api, Bearer } from './api.ts';
import { type Call, type Connected, connectedTo, type Run, resultOf } from './call.ts';
import type { ActionName, ConnectorName, EntityName } from './catalog.ts';
import { type ConnectorCatalog, openConnectors } from './connectors.ts';
import { remoteRun } from './execution.ts';
import { type Integrations, openIntegrations } from './integrations.ts';
import type { Result } from './result.ts';
import { type UserRecord, userOf } from './users.ts';

/** Someone whose accounts are used: a user of the organization, as the program acts for them. */
export class Customer {
  readonly integrations: Integrations;
  readonly #run: Run;

  constructor(api: Api, catalog: ConnectorCatalog, options: { identifier?: string; maxAttempts: number | undefined }) {
    this.integrations = openIntegrations(api, options.identifier);
    this.#run = remoteRun(api, options.identifier, catalog, options.maxAttempts);
  }

  /** Runs one action as an account of theirs. */
  execute<C extends ConnectorName, E extends EntityName<C>, A extends ActionName<C, E>>(
    call: Call<C, E, A>,
  ): Promise<Result> {
    return resultOf(this.#run, call);
  }

  /** The same, said step by step: `connect('gmail').action('messages', 'list').params({ … }).execute()`. */
  connect<C extends ConnectorName>(connector: C): Connected<C> {
    return connectedTo(this.#run, connector);
  }
}

/** A login token, until when it is good, and what gives the next one. */
export type Login = { readonly token: string; readonly expiresAt?: Date | undefined };

/** A user who has logged in. Who knows the secret logs in again shortly before the token ends. */
export class User extends Customer {
  readonly #session: Session;
  readonly #api: Api;

  constructor(api: Api, login: Login, logIn: (() => Promise<Login>) | undefined, maxAttempts: number | undefined) {
    const session = new Session(login, logIn);
    const own = api.as(session);
    super(own, openConnectors(own), { maxAttempts });
    this.#session = session;
    this.#api = own;
  }

  /** For `Authorization: Bearer`, as it is now. */
  get token(): string {
    return this.#session.login.token;
  }

  /** Undefined where only the token was given. */
  get expiresAt(): Date | undefined {
    return this.#session.login.expiresAt;
  }

  /** Who it is. */
  async me(): Promise<UserRecord> {
    return userOf((await this.#api.request({ method: 'GET', path: '/me' })) as Parameters<typeof userOf>[0]);
  }

  /** Tokens stay out of logs and of JSON. */
  toJSON(): { readonly expiresAt: Date | undefined } {
    return { expiresAt: this.expiresAt };
  }
}

/** How long before its end a token is given up, in milliseconds: a request on its way must not meet that end. */
const MARGIN = 60_000;

class Session implements Bearer {
  login: Login;
  readonly #logIn: (() => Promise<Login>) | undefined;
  #running: Promise<Login> | undefined;

  constructor(login: Login, logIn: (() => Promise<Login>) | undefined) {
    this.login = login;
    this.#logIn = logIn;
  }

  async token(): Promise<string> {
    const { token, expiresAt } = this.login;
    const isEnding = expiresAt !== undefined && expiresAt.getTime() - MARGIN <= Date.now();
    return (isEnding ? await this.renewed(token) : undefined) ?? token;
  }

  async renewed(refused: string): Promise<string | undefined> {
    // Somebody else has been told the same meanwhile.
    if (this.login.token !== refused) return this.login.token;
    if (!this.#logIn) return undefined;
    this.#running ??= this.#logIn().finally(() => {
      this.#running = undefined;
    });
    this.login = await this.#running;
    return this.login.token;
  }
}
