import { readFile } from 'node:fs/promises';
import { text as readStream } from 'node:stream/consumers';
import { dump, load, YAMLException } from 'js-yaml';
import { inputSchema } from '../auth/types.ts';
import { inputOf } from '../connection/auth.ts';
import { buildConnection, merged, withoutSecrets } from '../connection/connection.ts';
import { fileOf } from '../connection/file.ts';
import { testConnection } from '../connection/probe.ts';
import { type ConnectionRecord, readConnections } from '../connection/record.ts';
import {
  adopt,
  createConnection,
  integrationOf,
  keptInput,
  openConnection,
  type Place,
  removeConnection,
  type Saved,
  type Saving,
  updateConnection,
} from '../connection/save.ts';
import { type Connection, isOwn, isSecretField, readConnection } from '../connection/spec.ts';
import type { Connector } from '../connector/connector.ts';
import { formOf } from '../connector/schema.ts';
import type { Values } from '../connector/values.ts';
import { isTielineError, TielineError } from '../errors.ts';
import { accountStatus } from '../execute/health.ts';
import { signInKind } from '../execute/signin.ts';
import { loadSandbox } from '../expression/sandbox.ts';
import { localPrincipal } from '../integration/principal.ts';
import { longestFirst, Secrets } from '../secrets.ts';
import { openBrowser } from './browser.ts';
import { signIn } from './connect.ts';
import { askConnection } from './connectionform.ts';
import { connectionsFolder, openCatalog, openEngine } from './open.ts';
import { EXIT, print, table } from './output.ts';
import { askFields } from './prompt.ts';

type Json = { readonly json?: boolean | undefined };
type Input = Json & { readonly input?: string; readonly force?: boolean | undefined };

/** `tieline connections create` */
export async function create({ input, force, json }: Input): Promise<void> {
  const given = input === undefined ? await askConnection() : await readInput(input);
  await addConnection(given, { force, json });
}

/** `tieline connections import <file>` */
export const importFile = async (file: string, options: Input): Promise<void> =>
  addConnection(await readInput(file), options);

function addConnection(given: Values, { force, json }: Input): Promise<void> {
  return secretsIn(given).guard(async () => {
    const { lockVersion: _, ...fields } = given;
    const connection = readConnection(fields);
    await within(async (place) => {
      const saving = await prepare(place, connection, {});
      tell(await createConnection(place, { ...saving, force }), 'Created', saving, json);
    });
  });
}

/** `tieline connections edit <name> --input <file>` */
export async function edit(name: string, { input = '-', force, json }: Input): Promise<void> {
  const changes = await readInput(input);
  await secretsIn(changes).guard(() => change(name, changes, { force, json }));
}

const change = (name: string, changes: Values, { force, json }: Input): Promise<void> =>
  within(async (place) => {
    const stored = await openConnection(place, name, changes.lockVersion);
    const before = stored.value.connection;
    const { lockVersion: _, ...fields } = merged(before, changes);
    const connection = readConnection(fields);
    if (connection.connector !== name) {
      throw new TielineError('arguments_invalid', 'the `connector` of a connection cannot be changed', {
        hint: 'Export it, import it under the other name, and remove this one.',
      });
    }
    const next = { ...connection, lockVersion: before.lockVersion + 1 };
    const saving = await prepare(place, next, stored.value);
    tell(await updateConnection(place, stored, { ...saving, force }), 'Changed', saving, json);
  });

/** Builds the connector, asks for what is still missing, and signs in where the authentication wants that. */
async function prepare(place: Place, connection: Connection, before: Partial<ConnectionRecord>): Promise<Saving> {
  const { engine, folder } = place;
  const first = buildConnection(connection, fileOf(folder, connection.connector)).connector;
  const kept = before.connection ? await keptInput(place, before as ConnectionRecord, first) : {};
  const schema = inputSchema(first.defaultOption);
  const hint = 'Give them in the input, under auth, secrets or parameters.';
  const input = await askFields(schema, { ...kept, ...inputOf(connection) }, connection.name, hint);
  const whole = withTyped(connection, first, input);
  const built = buildConnection(whole, fileOf(folder, connection.connector));
  const option = built.connector.defaultOption;
  if (signInKind(option) === undefined) return { connection: whole, built, input };
  adopt(engine, built.connector);
  const tokens = await signIn(engine, built.connector, option, input, { port: 0, visit });
  return { connection: whole, built, input, tokens };
}

async function visit(url: URL, code?: string): Promise<void> {
  const isOpen = await openBrowser(url);
  const typed = code === undefined ? '' : `The code is ${code}\n\n`;
  process.stderr.write(`${isOpen ? 'If no browser opens, open' : 'Open'} this address:\n\n  ${url.href}\n\n${typed}`);
}

/** The connection with the names that were found by looking: a secret by its name, a parameter with its value. */
function withTyped(connection: Connection, connector: Connector, input: Values): Connection {
  const { fields } = formOf(inputSchema(connector.defaultOption));
  const own = (name: string) => isOwn(connection.auth) && (isSecretField(name) || /^(?:username|clientId)$/.test(name));
  const found = Object.entries(input).filter(
    ([name]) => Object.hasOwn(fields, name) && !(own(name) && Object.hasOwn(connection.auth, name)),
  );
  const pick = (isSecret: boolean) =>
    found.filter(([name]) => (fields[name]?.secret === true) === isSecret && !(isSecret && own(name)));
  return {
    ...connection,
    secrets: { ...Object.fromEntries(pick(true).map(([name]) => [name, null])), ...connection.secrets },
    parameters: { ...connection.parameters, ...(Object.fromEntries(pick(false)) as Connection['parameters']) },
  };
}

function tell(saved: Saved, done: string, { built }: Saving, json: boolean | undefined): void {
  const { failure, ...facts } = saved;
  const tools = built.connector.actions.map((it) => it.tool.name);
  const told = failure && { code: failure.code, message: failure.message, hint: failure.hint };
  print({ ...facts, tools, ...(told && { failure: told }) }, json, () =>
    [
      `${done} ${built.connector.title} as ${facts.connector}, with the tools ${tools.join(', ')}.`,
      failure ? `It does not work yet: ${failure.message}` : facts.tested ? 'The test path answered.' : UNTESTED,
    ].join('\n'),
  );
}

const UNTESTED = 'It has no test path, so nobody has tried it yet.';

/** `tieline connections list` */
export const list = ({ json }: Json): Promise<void> =>
  within(async (place) => {
    const { keystore, catalog } = place.engine;
    const names = catalog.connectors.map((it) => it.name);
    const records = await readConnections(keystore, localPrincipal, names);
    const rows = await Promise.all(records.map((it) => rowOf(place, it)));
    print(rows, json, () =>
      rows.length === 0
        ? 'There is no connection yet. Make one with: tieline connections create'
        : table(
            ['CONNECTION', 'NAME', 'BASE URL', 'AUTHENTICATION', 'STATUS'],
            rows.map((it) => [it.connector, it.name, it.baseUrl, it.authentication, it.status]),
          ),
    );
  });

async function rowOf(place: Place, record: ConnectionRecord) {
  const { connector, name, baseUrl, auth, lockVersion } = record.connection;
  const integration = await integrationOf(place, record);
  const isThere = place.engine.catalog.connectors.some((it) => it.name === connector);
  const found = integration && isThere ? await accountStatus(place.engine, place.who, integration) : undefined;
  const status = found?.status ?? (isThere ? 'no account' : 'off');
  return { connector, name, baseUrl, authentication: auth.type, status, lockVersion, cause: found?.cause };
}

/** `tieline connections show <name>` */
export const show = (name: string, { json }: Json): Promise<void> =>
  within(async (place) => {
    const { value } = await openConnection(place, name);
    const { status, cause } = await rowOf(place, value);
    const tools = (place.engine.catalog.connectors.find((it) => it.name === name)?.actions ?? []).map(
      (it) => it.tool.name,
    );
    const shown = { ...value.connection, status, cause, tools };
    print(shown, json, () => yaml(shown));
  });

/** `tieline connections export <name>`: what `import` and `edit` take. A secret is null. */
export const exportTo = (name: string, { json }: Json): Promise<void> =>
  within(async (place) => {
    const { value } = await openConnection(place, name);
    print(withoutSecrets(value.connection), json, yaml);
  });

const yaml = (value: unknown): string =>
  dump(JSON.parse(JSON.stringify(value)), { lineWidth: -1, noRefs: true }).trimEnd();

/** `tieline connections test <name>`. Gives the exit code. */
export async function test(name: string, { json }: Json): Promise<number> {
  let code: number = EXIT.done;
  await within(async (place) => {
    const { value } = await openConnection(place, name);
    const begun = performance.now();
    const outcome = await testConnection(place, value).then(
      (tested) => (tested ? { status: 'ok' as const } : { status: 'untested' as const, nextStep: SET_TEST }),
      (error: unknown) => {
        if (!isTielineError(error)) throw error;
        return { status: 'error' as const, code: error.code, message: error.message, nextStep: error.hint };
      },
    );
    const result = { connector: name, durationMs: Math.round(performance.now() - begun), ...outcome };
    if (result.status === 'error') code = EXIT.failed;
    print(result, json, (it) => {
      const why = 'message' in it ? [it.message] : [];
      const next = 'nextStep' in it && it.nextStep !== undefined ? [it.nextStep] : [];
      return [`${name}: ${it.status}, ${it.durationMs} ms`, ...why, ...next].join('\n  ');
    });
  });
  return code;
}

const SET_TEST = 'Give it a testPath, so that it can be tested.';

/** `tieline connections remove <name>` */
export const remove = (name: string, { json }: Json): Promise<void> =>
  within(async (place) => {
    const { accounts } = await removeConnection(place, name);
    print({ removed: name, accounts }, json, () => `Removed ${name} and its credentials.`);
  });

async function within(work: (place: Place) => Promise<void>): Promise<void> {
  const { engine, config, close } = await openEngine();
  try {
    await loadSandbox();
    const isTaken = async (name: string) => {
      const all = await openCatalog({ ...config, enabled: 'all' }, () => {});
      return all.connectors.some((it) => it.name === name);
    };
    await work({ engine, who: localPrincipal, folder: connectionsFolder(config), isTaken });
  } finally {
    await close();
  }
}

/** YAML or JSON, from a file or standard input. Messages quote nothing of it: it may hold secrets. */
async function readInput(source: string): Promise<Values> {
  const what = source === '-' ? 'standard input' : source;
  const text =
    source === '-'
      ? await readStream(process.stdin)
      : await readFile(source, 'utf8').catch((cause: NodeJS.ErrnoException) => {
          throw new TielineError('usage', `${source} cannot be read (${cause.code})`, { cause });
        });
  try {
    const value: unknown = load(text, { maxAliases: 0 });
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Values;
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const { line = 0, column = 0 } = error.mark ?? {};
    throw new TielineError('usage', `${what}:${line + 1}:${column + 1} is neither YAML nor JSON`);
  }
  throw new TielineError('usage', `${what} is not a mapping`, {
    hint: 'For example: {"name": "Desk", "baseUrl": "https://…"}',
  });
}

/** What no failure may repeat of an input. */
function secretsIn({ auth, secrets }: Values): Secrets {
  const fields = Object.entries((auth ?? {}) as Values).filter(([name]) => isSecretField(name));
  const given = [...fields, ...Object.entries((secrets ?? {}) as Values)].map(([, value]) => value);
  return new Secrets(longestFirst(given.filter((it) => typeof it === 'string')));
}
