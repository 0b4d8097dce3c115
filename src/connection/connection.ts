import { dump } from 'js-yaml';
import { buildConnector, type Connector } from '../connector/connector.ts';
import { definition } from '../connector/definition.ts';
import { lint } from '../connector/lint.ts';
import { readDefinition } from '../connector/load.ts';
import { explain, type Path } from '../connector/problem.ts';
import { findDangling } from '../connector/reference.ts';
import type { Values } from '../connector/values.ts';
import { entitiesOf } from './actions.ts';
import { OPTION, optionOf } from './auth.ts';
import { genericEntities, TARGET } from './requests.ts';
import { type Connection, isOwn, isSecretField, unfit } from './spec.ts';
import { splitPath } from './template.ts';

/** The connection as a definition, in the format of `connector.yaml` and without any secret. Pure. */
export function definitionOf(connection: Connection): Values {
  const { connector, name, documentationLink, baseUrl, testPath, trustedCa, actions, lockVersion = 1 } = connection;
  const { option, hosts } = optionOf(connection);
  const isGeneric = Object.keys(actions).length === 0;
  const own = new URL(baseUrl).host;
  const others = [...new Set(hosts)].filter((it) => it !== own);
  return {
    format: 1,
    connector,
    version: `1.0.${lockVersion}`,
    title: name,
    summary: summaryOf(connection),
    ...(documentationLink !== undefined && { docs: { api: documentationLink } }),
    server: {
      baseUrl,
      ...(trustedCa !== undefined && { trustedCa }),
      ...(others.length > 0 && { allowHosts: others }),
    },
    auth: {
      ...(testPath !== undefined && { methods: { test: { request: splitPath(testPath) } } }),
      options: { [OPTION]: option },
    },
    ...(isGeneric && { functions: { target: TARGET } }),
    entities: isGeneric ? genericEntities(name, baseUrl) : entitiesOf(connection),
  };
}

function summaryOf({ name, description, baseUrl }: Connection): string {
  const text = description ?? `The API at ${new URL(baseUrl).host}.`;
  const long = text.length < 10 ? `${name}: ${text}` : text;
  return long.length > 300 ? `${long.slice(0, 299)}…` : long;
}

/** What of the definition rules is advice to authors, and not the user's to follow. */
const ADVICE = new Set(['description', 'scopes']);

export type Built = { readonly connector: Connector; readonly yaml: string };

/**
 * The connector of a connection, and its file. Needs `loadSandbox` first. Throws `arguments_invalid` that names the
 * fields at fault.
 */
export function buildConnection(connection: Connection, file: string): Built {
  const value = definitionOf(connection);
  const parsed = definition.safeParse(value);
  const found = parsed.success ? findDangling(parsed.data) : explain(parsed.error, value, () => []);
  if (found.length > 0) throw unfit(found.map((it) => asGiven(it.message)));
  const yaml = dump(value, { lineWidth: -1, noRefs: true });
  const read = readDefinition(yaml, file);
  if ('problems' in read) throw unfit(read.problems.map((it) => asGiven(it.message)));
  const paths: Path[] = [];
  const at = (path: readonly PropertyKey[]) => ({ line: paths.push(path as Path), column: 1 });
  const problems = lint({ ...read.loaded, source: { ...read.loaded.source, at } });
  const wrong = problems.filter((it) => !ADVICE.has(it.rule));
  if (wrong.length > 0) {
    throw unfit(wrong.map((it) => asGiven(`\`${paths[it.line - 1]?.join('.') ?? ''}\`: ${it.message}`)));
  }
  return { connector: buildConnector(read.loaded), yaml };
}

/** A place in the definition, as the place in the connection that it comes from. */
const asGiven = (message: string): string =>
  message
    .replace(new RegExp(`\`auth\\.options\\.${OPTION}(?:\\.request(?=\\.))?`), '`auth')
    .replace(/`entities\.([a-z0-9_]+)(?:\.actions)?/, '`actions.$1')
    .replace(/`server\./, '`');

/** The connection as it may be kept in the open and shown: a secret is null. */
export function withoutSecrets(connection: Connection): Connection {
  const { auth, secrets } = connection;
  const open = Object.entries(auth).map(([name, value]) => [name, isOwn(auth) && isSecretField(name) ? null : value]);
  return {
    ...connection,
    auth: Object.fromEntries(open) as Connection['auth'],
    secrets: Object.fromEntries(Object.keys(secrets).map((it) => [it, null])),
  };
}

/**
 * A connection with changes merged in: what is absent stays, null takes away (RFC 7396), but for secrets, which null
 * leaves as they are. Another type of authentication begins anew.
 */
export function merged(before: Connection, changes: Values): Values {
  const { auth } = changes as { auth?: Values | null };
  const isOther = isMapping(auth) && auth.type !== undefined && auth.type !== before.auth.type;
  const base: Values = isOther ? { ...before, auth: {} } : before;
  return patch(base, changes, []) as Values;
}

function patch(before: unknown, change: unknown, path: readonly string[]): unknown {
  if (!isMapping(change)) return change;
  const result: Record<string, unknown> = isMapping(before) ? { ...before } : {};
  for (const [name, value] of Object.entries(change)) {
    const isSecret = path.length === 1 && (path[0] === 'secrets' || (path[0] === 'auth' && isSecretField(name)));
    if (value !== null) result[name] = patch(result[name], value, [...path, name]);
    else if (isSecret) result[name] ??= null;
    else delete result[name];
  }
  return result;
}

const isMapping = (it: unknown): it is Record<string, unknown> =>
  it !== null && typeof it === 'object' && !Array.isArray(it);
