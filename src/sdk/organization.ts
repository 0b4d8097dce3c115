import type { Api } from './api.ts';

export type Organization = {
  readonly id: string;
  readonly name: string;
  /** Where browsers may be sent after a connect flow. */
  readonly redirectUrls: readonly string[];
  readonly createdAt: Date;
};

export type OrganizationApi = {
  get(): Promise<Organization>;
  update(changes: {
    readonly name?: string | undefined;
    readonly redirectUrls?: readonly string[] | undefined;
  }): Promise<Organization>;
};

export type ClientKey = { readonly id: string; readonly name: string; readonly createdAt: Date };

export type ClientKeys = {
  list(): Promise<ClientKey[]>;
  /** Its text, `key`, is shown this once. */
  create(name: string): Promise<ClientKey & { readonly key: string }>;
  revoke(id: string): Promise<void>;
};

export function openOrganization(api: Api): OrganizationApi {
  const path = '/organization';
  return {
    get: async () => organizationOf((await api.request({ method: 'GET', path })) as Raw),
    async update({ name, redirectUrls }) {
      const body = { name, redirect_urls: redirectUrls };
      return organizationOf((await api.request({ method: 'PATCH', path, body })) as Raw);
    },
  };
}

export function openClientKeys(api: Api): ClientKeys {
  const path = '/client-keys';
  return {
    async list() {
      const { data } = (await api.request({ method: 'GET', path })) as { readonly data: readonly RawKey[] };
      return data.map(keyOf);
    },
    async create(name) {
      const made = (await api.request({ method: 'POST', path, body: { name }, effect: 'create' })) as RawKey & {
        readonly key: string;
      };
      return { ...keyOf(made), key: made.key };
    },
    async revoke(id) {
      await api.request({ method: 'DELETE', path: `${path}/${encodeURIComponent(id)}` });
    },
  };
}

type Raw = {
  readonly id: string;
  readonly name: string;
  readonly redirect_urls: readonly string[];
  readonly created_at: string;
};

const organizationOf = ({ id, name, redirect_urls, created_at }: Raw): Organization => ({
  id,
  name,
  redirectUrls: redirect_urls,
  createdAt: new Date(created_at),
});

type RawKey = { readonly id: string; readonly name: string; readonly created_at: string };

const keyOf = ({ id, name, created_at }: RawKey): ClientKey => ({ id, name, createdAt: new Date(created_at) });
