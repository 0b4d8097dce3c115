import { TielineError } from '../errors.ts';
import { compileTemplate, type Template } from '../expression/template.ts';
import { type Action, buildAction } from './action.ts';
import type { AuthMethods, AuthOptionSpec } from './authspec.ts';
import type { Checked } from './compiled.ts';
import type { Definition } from './definition.ts';
import { planRequest, type RequestPlan } from './plan.ts';
import type { JsonSchema } from './values.ts';

/** One way to authenticate at a connector. */
export type AuthOption = {
  readonly key: string;
  readonly spec: AuthOptionSpec;
  /** The option's own methods over those shared by the connector. */
  readonly methods: AuthMethods;
};

export type Server = {
  readonly baseUrl: Template;
  /** Gives the fields of a database's address. */
  readonly address: Template;
  readonly allowHosts: readonly Template[];
  /** Gives the `TlsMaterial` for the base URL. */
  readonly tls: Template;
  readonly headers: Template;
  readonly query: Template;
  readonly timeouts: { readonly connect: number; readonly read: number; readonly total: number };
  readonly maxBytes: number;
};

export type Identity = {
  readonly request: RequestPlan;
  readonly key: Template;
  readonly label: Template;
  readonly identifier: Template;
};

/** What an API looks like: immutable, shared by all calls. */
export type Connector = {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly version: string;
  readonly optIn: boolean;
  readonly transport: Definition['transport'];
  readonly definition: Definition;
  readonly file: string;
  readonly options: ReadonlyMap<string, AuthOption>;
  readonly defaultOption: AuthOption;
  readonly settings: JsonSchema | undefined;
  readonly functions: Readonly<Record<string, string>>;
  readonly actions: readonly Action[];
  /** An action by its entity and name, or by an alias of the pair. Throws `action_unknown` with those there are. */
  action(entity: string, name: string): Action;
  /** Compiled when first used. */
  server(): Server;
  identity(): Identity | undefined;
};

export function buildConnector({ definition, file }: Checked): Connector {
  const actions = Object.entries(definition.entities).flatMap(([entity, { actions }]) =>
    Object.entries(actions).map(([name, spec]) => buildAction(definition, entity, name, spec)),
  );
  const byPair = indexActions(definition.connector, actions);
  const options = new Map(
    Object.entries(definition.auth.options).map(([key, spec]) => [
      key,
      { key, spec, methods: { ...definition.auth.methods, ...spec.methods } },
    ]),
  );
  const defaultOption = options.get(definition.auth.default ?? [...options.keys()][0] ?? '');
  if (!defaultOption) throw new TielineError('definition_invalid', 'auth needs at least one option');
  let server: Server | undefined;
  let identity: Identity | undefined;
  return {
    name: definition.connector,
    title: definition.title,
    summary: definition.summary,
    version: definition.version,
    optIn: definition.optIn,
    transport: definition.transport,
    definition,
    file,
    options,
    defaultOption,
    settings: definition.settings,
    functions: definition.functions,
    actions,
    action: (entity, name) => byPair.get(`${entity}.${name}`) ?? unknownAction(definition, entity, name),
    server: () => {
      server ??= buildServer(definition);
      return server;
    },
    identity: () => {
      identity ??= definition.identity && buildIdentity(definition.identity);
      return identity;
    },
  };
}

function indexActions(connector: string, actions: readonly Action[]): Map<string, Action> {
  const index = new Map<string, Action>();
  for (const action of actions) {
    for (const pair of [`${action.entity}.${action.name}`, ...action.spec.aliases]) {
      if (index.has(pair)) throw new TielineError('definition_invalid', `${connector} has two actions ${pair}`);
      index.set(pair, action);
    }
  }
  return index;
}

function unknownAction(definition: Definition, entity: string, name: string): never {
  const found = Object.hasOwn(definition.entities, entity) ? definition.entities[entity] : undefined;
  const [what, there] = found
    ? [`action ${entity}.${name}`, Object.keys(found.actions).map((it) => `${entity}.${it}`)]
    : [`entity ${entity}`, Object.keys(definition.entities)];
  throw new TielineError('action_unknown', `${definition.connector} has no ${what}`, {
    hint: `Use one of: ${there.join(', ')}`,
  });
}

function buildServer({ server }: Definition): Server {
  return {
    baseUrl: compileTemplate(server.baseUrl),
    address: compileTemplate(server.address),
    allowHosts: server.allowHosts.map((it) => compileTemplate(it)),
    tls: compileTemplate({ ...server.clientCertificate, ca: server.trustedCa }),
    headers: compileTemplate(server.headers),
    query: compileTemplate(server.query),
    timeouts: server.timeouts,
    maxBytes: server.maxResponse,
  };
}

function buildIdentity(spec: NonNullable<Definition['identity']>): Identity {
  return {
    request: planRequest(spec.request),
    key: compileTemplate(spec.key),
    label: compileTemplate(spec.label),
    identifier: compileTemplate(spec.identifier ?? spec.label),
  };
}
