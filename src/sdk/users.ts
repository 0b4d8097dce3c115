import type { Api } from './api.ts';
import { type Page, type PageOptions, readAll, readPage } from './page.ts';

/** A user of the organization. */
export type UserRecord = {
  readonly id: string;
  /** The organization's own name for them. */
  readonly identifier: string;
  readonly status: 'active' | 'disabled';
  readonly createdAt: Date;
};

/** With the secret, which is shown this once. */
export type UserWithSecret = UserRecord & { readonly secret: string };

export type Users = {
  list(options?: PageOptions): Promise<Page<UserRecord>>;
  /** All of them, oldest first. */
  all(): AsyncGenerator<UserRecord>;
  /** By the organization's own name for them. */
  find(identifier: string): Promise<UserRecord | undefined>;
  /** Throws `user_unknown`. */
  get(id: string): Promise<UserRecord>;
  /** Serves them no more; their tokens end. */
  disable(id: string): Promise<UserRecord>;
  enable(id: string): Promise<UserRecord>;
  /** With all that is theirs. */
  delete(id: string): Promise<void>;
  /** A new secret in the place of the old one. Tokens got by the old one end. */
  rotateSecret(id: string): Promise<UserWithSecret>;
};

const pathOf = (id: string): string => `/users/${encodeURIComponent(id)}`;

export function openUsers(api: Api): Users {
  const change = async (id: string, disabled: boolean): Promise<UserRecord> =>
    userOf((await api.request({ method: 'PATCH', path: pathOf(id), body: { disabled } })) as Raw);
  return {
    list: ({ limit, cursor } = {}) => readPage(api, '/users', { limit, cursor }, userOf),
    all: () => readAll(api, '/users', {}, userOf),
    find: async (identifier) => (await readPage(api, '/users', { identifier }, userOf)).items[0],
    get: async (id) => userOf((await api.request({ method: 'GET', path: pathOf(id) })) as Raw),
    disable: (id) => change(id, true),
    enable: (id) => change(id, false),
    async delete(id) {
      await api.request({ method: 'DELETE', path: pathOf(id) });
    },
    async rotateSecret(id) {
      const path = `${pathOf(id)}/secret`;
      return withSecretOf(await api.request({ method: 'POST', path, effect: 'create' }));
    },
  };
}

export async function createUser(api: Api, identifier: string): Promise<UserWithSecret> {
  return withSecretOf(await api.request({ method: 'POST', path: '/users', body: { identifier }, effect: 'create' }));
}

type Raw = {
  readonly id: string;
  readonly identifier: string;
  readonly status: 'active' | 'disabled';
  readonly created_at: string;
};

export const userOf = ({ id, identifier, status, created_at }: Raw): UserRecord => ({
  id,
  identifier,
  status,
  createdAt: new Date(created_at),
});

function withSecretOf(answer: unknown): UserWithSecret {
  const raw = answer as Raw & { readonly secret: string };
  return { ...userOf(raw), secret: raw.secret };
}
