import { type Api, openApi } from './api.ts';
import { type ConnectorCatalog, openConnectors } from './connectors.ts';
import { readToken, type ServerOptions } from './options.ts';
import { type ClientKeys, type OrganizationApi, openClientKeys, openOrganization } from './organization.ts';
import { Customer, type Login, User } from './user.ts';
import { createUser, openUsers, type Users, type UserWithSecret } from './users.ts';

/** A Tieline server, as a program with a client API key sees it. The key is kept out of logs and of JSON. */
export class Tieline {
  readonly users: Users;
  readonly organization: OrganizationApi;
  readonly clientKeys: ClientKeys;
  readonly connectors: ConnectorCatalog;
  readonly #api: Api;
  readonly #maxAttempts: number | undefined;

  /** Throws `usage`. */
  constructor(options: ServerOptions) {
    const api = openApi(options);
    this.#api = api;
    this.#maxAttempts = options.maxAttempts;
    this.users = openUsers(api);
    this.organization = openOrganization(api);
    this.clientKeys = openClientKeys(api);
    this.connectors = openConnectors(api);
  }

  /** Registers a user. The secret is shown this once. Throws `user_exists`. */
  createUser(identifier: string): Promise<UserWithSecret> {
    return createUser(this.#api, identifier);
  }

  /** Logs a user in, and again whenever their token is about to end. Throws `login_failed`. */
  async authenticate(identifier: string, secret: string): Promise<User> {
    const logIn = async (): Promise<Login> => {
      const body = { identifier, secret };
      // Once more gives another token, and does nothing else.
      const answer = (await this.#api.request({ method: 'POST', path: '/auth/token', body, effect: 'read' })) as {
        readonly token: string;
        readonly expires_at: string;
      };
      return { token: answer.token, expiresAt: new Date(answer.expires_at) };
    };
    return new User(this.#api, await logIn(), logIn, this.#maxAttempts);
  }

  /** A user by the token of a login. Nobody is asked; the first call tells whether it is good. Throws `usage`. */
  user(token: string): User {
    return new User(this.#api, { token: readToken('token', token) }, undefined, this.#maxAttempts);
  }

  /** A user of the organization by their identifier, without a login of theirs. Made with their first account. */
  customer(identifier: string): Customer {
    return new Customer(this.#api, this.connectors, { identifier, maxAttempts: this.#maxAttempts });
  }
}
