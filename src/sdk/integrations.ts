import { isTielineError, TielineError } from '../errors.ts';
import type { Api } from './api.ts';
import type { ConnectorName } from './catalog.ts';
import { readAll } from './page.ts';

/** One account of a user at a connector. */
export type Integration = {
  readonly id: string;
  /** Identifier of the user. */
  readonly customer: string;
  readonly connector: string;
  /** Name by which calls choose it. */
  readonly identifier: string;
  readonly isDefault: boolean;
  /** The way it was connected. */
  readonly option: string;
  /** Who it is at the provider, where that is known. */
  readonly account?: string;
  readonly status: 'pending' | 'active' | 'expiring' | 'reauth_required' | 'error' | 'disabled' | 'revoked';
  readonly cause?: string;
  readonly nextStep?: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly createdAt: Date;
};

type Values = Readonly<Record<string, unknown>>;

export type LinkOptions = {
  /** Identifier; who the account is by default. */
  readonly name?: string | undefined;
  /** Key of the way to authenticate; the first that fits by default. */
  readonly option?: string | undefined;
  readonly settings?: Values | undefined;
};

/** The accounts of one user. Of `identifier` the default is the default account. */
export type Integrations = {
  /**
   * Where to send the person to sign in; their browser comes back to `redirectUrl`. With `confirm`, nothing is linked
   * before `confirm` is called.
   */
  initiate(
    connector: ConnectorName,
    redirectUrl: string,
    options?: LinkOptions & { readonly credentials?: Values | undefined; readonly confirm?: boolean | undefined },
  ): Promise<{ readonly consentUrl: string; readonly expiresAt: Date }>;
  /** Says that this is the user who sits in the browser that brought `confirmation`, once. Gives the id of the account. */
  confirm(confirmation: string): Promise<string>;
  /** Links an account with credentials that are there already. They are tried first. */
  create(connector: ConnectorName, credentials: Values, options?: LinkOptions): Promise<Integration>;
  list(connector?: ConnectorName): Promise<Integration[]>;
  /** Throws `integration_unknown`, and `integration_required` where there is none. */
  get(connector: ConnectorName, identifier?: string): Promise<Integration>;
  has(connector: ConnectorName): Promise<boolean>;
  /** Makes it the default. */
  select(connector: ConnectorName, identifier: string): Promise<Integration>;
  rename(connector: ConnectorName, identifier: string, name: string): Promise<Integration>;
  /** Keeps it, and lets it serve no calls. */
  disable(connector: ConnectorName, identifier: string): Promise<Integration>;
  enable(connector: ConnectorName, identifier: string): Promise<Integration>;
  /** Tries it at the provider. False where the connector has no way to tell. */
  test(connector: ConnectorName, identifier?: string): Promise<boolean>;
  /** Puts new credentials of the same account under it. */
  reconnect(
    connector: ConnectorName,
    identifier: string,
    credentials: Values,
    options?: Pick<LinkOptions, 'option'>,
  ): Promise<Integration>;
  /** Forgets it and its credentials. */
  remove(connector: ConnectorName, identifier: string): Promise<void>;
};

const PATH = '/integrations/connectors';
const pathOf = ({ id }: Integration): string => `${PATH}/${encodeURIComponent(id)}`;

/** `customer` is named where the caller is a program, which may act for any. */
export function openIntegrations(api: Api, customer: string | undefined): Integrations {
  async function list(connector?: string): Promise<Integration[]> {
    const found: Integration[] = [];
    try {
      const query = { customer_name: customer, connector_type: connector };
      for await (const it of readAll(api, PATH, query, integrationOf)) found.push(it);
    } catch (error) {
      // A user is made on first mention, and has nothing before.
      if (isTielineError(error) && error.code === 'user_unknown' && customer !== undefined) return [];
      throw error;
    }
    return found;
  }

  async function get(connector: string, identifier?: string): Promise<Integration> {
    const all = await list(connector);
    const found = all.find((it) => (identifier === undefined ? it.isDefault : it.identifier === identifier));
    if (found) return found;
    const names = all.map((it) => it.identifier).join(', ');
    if (identifier === undefined) {
      throw new TielineError('integration_required', `${connector} has no default account`, {
        hint: names === '' ? 'Link an account first.' : `Name one of: ${names}`,
      });
    }
    throw new TielineError('integration_unknown', `${connector} has no account ${JSON.stringify(identifier)}`, {
      hint: names === '' ? 'Link an account first.' : `Use one of: ${names}`,
    });
  }

  const change = async (connector: string, identifier: string, body: Values): Promise<Integration> => {
    const path = pathOf(await get(connector, identifier));
    return integrationOf((await api.request({ method: 'PATCH', path, body })) as Raw);
  };

  return {
    list,
    get,
    has: async (connector) => (await list(connector)).some((it) => it.status !== 'pending'),
    async initiate(connector, redirectUrl, { name, option, settings, credentials, confirm } = {}) {
      const body = { ...wanted(connector, name, option, settings), redirect_url: redirectUrl, credentials, confirm };
      const path = `${PATH}/oauth/initiate`;
      const answer = (await api.request({ method: 'POST', path, body, effect: 'create' })) as {
        readonly consent_url: string;
        readonly expires_at: string;
      };
      return { consentUrl: answer.consent_url, expiresAt: new Date(answer.expires_at) };
    },
    async confirm(confirmation) {
      const body = { confirmation, customer_name: customer };
      const answer = await api.request({ method: 'POST', path: `${PATH}/oauth/confirm`, body, effect: 'create' });
      return (answer as { readonly connector_id: string }).connector_id;
    },
    async create(connector, credentials, { name, option, settings } = {}) {
      const body = { ...wanted(connector, name, option, settings), credentials };
      return integrationOf((await api.request({ method: 'POST', path: PATH, body, effect: 'create' })) as Raw);
    },
    select: (connector, identifier) => change(connector, identifier, { is_default: true }),
    rename: (connector, identifier, name) => change(connector, identifier, { identifier: name }),
    disable: (connector, identifier) => change(connector, identifier, { disabled: true }),
    enable: (connector, identifier) => change(connector, identifier, { disabled: false }),
    async test(connector, identifier) {
      const path = `${pathOf(await get(connector, identifier))}/test`;
      const answer = (await api.request({ method: 'POST', path, effect: 'read' })) as { readonly tested: boolean };
      return answer.tested;
    },
    async reconnect(connector, identifier, credentials, { option } = {}) {
      const path = `${pathOf(await get(connector, identifier))}/reconnect`;
      const body = { credentials, auth_option: option };
      return integrationOf((await api.request({ method: 'POST', path, body, effect: 'create' })) as Raw);
    },
    async remove(connector, identifier) {
      await api.request({ method: 'DELETE', path: pathOf(await get(connector, identifier)) });
    },
  };

  function wanted(connector: string, name?: string, option?: string, settings?: Values) {
    return {
      customer_name: customer,
      connector_type: connector,
      name,
      auth_option: option,
      replication_config: settings,
    };
  }
}

type Raw = {
  readonly id: string;
  readonly customer_name: string;
  readonly connector_type: string;
  readonly identifier: string;
  readonly is_default: boolean;
  readonly auth_option: string;
  readonly account: string | null;
  readonly status: Integration['status'];
  readonly cause: string | null;
  readonly next_step: string | null;
  readonly replication_config: Values;
  readonly created_at: string;
};

const integrationOf = (raw: Raw): Integration => ({
  id: raw.id,
  customer: raw.customer_name,
  connector: raw.connector_type,
  identifier: raw.identifier,
  isDefault: raw.is_default,
  option: raw.auth_option,
  ...(raw.account !== null && { account: raw.account }),
  status: raw.status,
  ...(raw.cause !== null && { cause: raw.cause }),
  ...(raw.next_step !== null && { nextStep: raw.next_step }),
  settings: raw.replication_config,
  createdAt: new Date(raw.created_at),
});
