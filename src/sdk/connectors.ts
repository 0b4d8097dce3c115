import type { Api } from './api.ts';
import type { ConnectorInfo, ConnectorName, EntityInfo, JsonSchema } from './catalog.ts';

export type ConnectorSummary = Pick<ConnectorInfo, 'name' | 'title' | 'summary' | 'version'>;

/** A connector with the ways to connect an account of it. */
export type ConnectorDetails = ConnectorInfo & {
  readonly options: readonly {
    readonly key: string;
    readonly title: string;
    readonly type: string;
    readonly isDefault: boolean;
    /** Where a person signs in at the provider. */
    readonly signIn?: 'browser' | 'device';
    readonly description?: string;
    readonly helpUrl?: string;
    /** Of its credentials. */
    readonly schema: JsonSchema;
  }[];
  readonly settingsSchema?: JsonSchema;
};

export type ConnectorCatalog = {
  list(): Promise<ConnectorSummary[]>;
  /** Throws `connector_unknown`. */
  get(name: ConnectorName): Promise<ConnectorDetails>;
  /** The same, as it was when it was first asked for. */
  known(name: ConnectorName): Promise<ConnectorDetails>;
};

export function openConnectors(api: Api): ConnectorCatalog {
  const kept = new Map<string, Promise<ConnectorDetails>>();

  async function get(name: string): Promise<ConnectorDetails> {
    return detailsOf((await api.request({ method: 'GET', path: `/connectors/${encodeURIComponent(name)}` })) as Raw);
  }

  return {
    get,
    async list() {
      const { data } = (await api.request({ method: 'GET', path: '/connectors' })) as { data: ConnectorSummary[] };
      return data;
    },
    known(name) {
      let asked = kept.get(name);
      if (!asked) {
        asked = get(name);
        kept.set(name, asked);
        asked.catch(() => kept.delete(name));
      }
      return asked;
    },
  };
}

type Raw = ConnectorSummary & {
  readonly auth_options: readonly {
    readonly key: string;
    readonly title: string;
    readonly type: string;
    readonly is_default: boolean;
    readonly sign_in: 'browser' | 'device' | null;
    readonly description: string | null;
    readonly help_url: string | null;
    readonly schema: JsonSchema;
  }[];
  readonly settings_schema: JsonSchema | null;
  readonly entities: readonly (Pick<EntityInfo, 'name' | 'title'> & {
    readonly actions: readonly (Omit<EntityInfo['actions'][number], 'paramsSchema'> & {
      readonly params_schema: JsonSchema;
    })[];
  })[];
};

const detailsOf = ({ name, title, summary, version, ...raw }: Raw): ConnectorDetails => ({
  name,
  title,
  summary,
  version,
  options: raw.auth_options.map((it) => ({
    key: it.key,
    title: it.title,
    type: it.type,
    isDefault: it.is_default,
    ...(it.sign_in !== null && { signIn: it.sign_in }),
    ...(it.description !== null && { description: it.description }),
    ...(it.help_url !== null && { helpUrl: it.help_url }),
    schema: it.schema,
  })),
  ...(raw.settings_schema !== null && { settingsSchema: raw.settings_schema }),
  entities: raw.entities.map((entity) => ({
    name: entity.name,
    title: entity.title,
    actions: entity.actions.map(({ params_schema: paramsSchema, ...it }) => ({ ...it, paramsSchema })),
  })),
});
