import safeRegex from 'safe-regex2';
import { isTielineError } from '../errors.ts';
import { Scripts } from '../expression/sandbox.ts';
import { compilePathTemplate, compileTemplate } from '../expression/template.ts';
import { type Action, LONGEST_TOOL_NAME, RESERVED_ARGUMENTS, toolName } from './action.ts';
import type { RequestRule } from './actionspec.ts';
import { type Connector, buildConnector } from './connector.ts';
import type { Loaded } from './load.ts';
import { at, type Problem } from './problem.ts';
import type { JsonSchema } from './values.ts';

type Path = readonly (string | number)[];
type Report = (path: Path, rule: string, message: string) => void;

const ROOTS = new Set(['app', 'input', 'secrets', 'settings', 'credentials', 'account', 'args', 'response', 'item', 'expanded', 'steps', 'grant']);

/** What the schema of the format cannot say. Needs `loadSandbox` first, as scripts are parsed. */
export function lint(loaded: Loaded): Problem[] {
  const { definition, file, source } = loaded;
  const problems: Problem[] = [];
  const report: Report = (path, rule, message) => problems.push(at(file, source.at(path), rule, message));
  lintTexts(definition, [], report);
  lintExpressions(definition, Object.keys(definition.functions), report);
  for (const [entity, { actions }] of Object.entries(definition.entities)) {
    for (const name of Object.keys(actions)) {
      const tool = toolName(definition.connector, entity, name);
      if (tool.length <= LONGEST_TOOL_NAME) continue;
      report(['entities', entity, 'actions', name], 'tool-name', `tool name ${tool} is longer than ${LONGEST_TOOL_NAME}`);
    }
  }
  for (const [key, option] of Object.entries(definition.auth.options)) {
    lintSchema(option.ui.schema ?? {}, ['auth', 'options', key, 'ui', 'schema'], report);
    lintSecrets(option.ui.schema ?? {}, ['auth', 'options', key, 'ui', 'schema'], report);
  }
  lintSecrets(definition.app?.schema ?? {}, ['app', 'schema'], report);
  let connector: Connector;
  try {
    connector = buildConnector(loaded);
  } catch (error) {
    if (!isTielineError(error)) throw error;
    report([], 'definition', error.message);
    return problems;
  }
  for (const action of connector.actions) lintAction(connector, action, report);
  return problems;
}

function lintAction(connector: Connector, action: Action, report: Report): void {
  const { spec, entity, name, pagination, params } = action;
  const path: Path = ['entities', entity, 'actions', name];
  const { properties = {}, required = [] } = params as { properties?: Record<string, unknown>; required?: string[] };
  if (params.type !== 'object') report([...path, 'params'], 'params', 'params must be of type object');
  for (const reserved of RESERVED_ARGUMENTS) {
    if (reserved in properties) report([...path, 'params', 'properties', reserved], 'params', `${reserved} is added by Tieline`);
  }
  lintSchema(params, [...path, 'params'], report);
  const requests = [spec.request, ...(spec.steps ?? []).map((it) => it.request), spec.expand?.request].filter((it) => it !== undefined);
  for (const argument of argumentsUsed(spec)) {
    if (!(argument in properties)) report(path, 'args', `args.${argument} is used, and params do not have it`);
  }
  const always = [spec.request, ...(spec.steps ?? []).filter((it) => it.when === undefined).map((it) => it.request), spec.expand?.request];
  for (const argument of always.filter((it) => it !== undefined).flatMap(argumentsInPath)) {
    const known = properties[argument] as { default?: unknown } | undefined;
    if (known && !required.includes(argument) && known.default === undefined) {
      report([...path, 'params'], 'params', `${argument} stands in the path, so it must be required`);
    }
  }
  const last = spec.steps?.at(-1)?.request ?? spec.request;
  if (spec.effect === 'read' && last && ['PUT', 'PATCH', 'DELETE'].includes(last.method)) {
    report([...path, 'effect'], 'effect', `${last.method} changes something, so its effect is not read`);
  }
  if (spec.effect !== 'read' && last?.method === 'GET') report([...path, 'effect'], 'effect', 'GET changes nothing, so its effect is read');
  if (last?.method === 'DELETE' && !spec.destructive) report(path, 'effect', 'DELETE is destructive: true');
  const hasOAuth = [...connector.options.values()].some((it) => it.spec.type === 'oauth2' && it.spec.scopes.length > 0);
  if (hasOAuth && spec.scopes.length === 0) report(path, 'scopes', 'the OAuth scopes it needs are missing');
  if (pagination && ['offset', 'page'].includes(pagination.kind) && !(pagination.limit || pagination.total || pagination.stop)) {
    report([...path, 'paginate'], 'pagination', 'nothing tells the last page: give limit, total or stop');
  }
  if (spec.expand && pagination?.limit && pagination.limit.max > spec.expand.max) {
    report([...path, 'expand'], 'expand', `a page has up to ${pagination.limit.max} items, and only ${spec.expand.max} are expanded`);
  }
  for (const request of requests) lintHost(connector, request, path, report);
}

/** Texts that are read by models: no invisible characters, in which instructions could hide. */
function lintTexts(node: unknown, path: Path, report: Report): void {
  if (typeof node === 'string') {
    if (/[\p{Cc}\p{Cf}\p{Co}]/u.test(node.replace(/[\n\t]/g, ''))) report(path, 'text', 'holds invisible characters');
  } else if (node !== null && typeof node === 'object') {
    for (const [key, value] of Object.entries(node)) {
      if (path.length === 0 && key === 'tests') continue;
      if (key === 'summary' && typeof value === 'string' && (value.length < 10 || value.length > 300)) {
        report([...path, key], 'description', 'a summary has 10 to 300 characters');
      }
      lintTexts(value, [...path, Array.isArray(node) ? Number(key) : key], report);
    }
  }
}

/** Parses every expression and checks that it starts from values there are. */
function lintExpressions(definition: object, functions: readonly string[], report: Report): void {
  const scripts = new Scripts();
  const visit = (node: unknown, path: Path): void => {
    if (typeof node === 'string') {
      try {
        const template = path.at(-1) === 'path' && path.at(-2) === 'request' ? compilePathTemplate(node) : compileTemplate(node);
        for (const root of template.roots) {
          if (!ROOTS.has(root) && !functions.includes(root)) report(path, 'expression', `${root} is no value that expressions have`);
        }
        if (template.sandboxed) for (const expression of template.expressions) scripts.parse(expression);
      } catch (error) {
        if (!isTielineError(error)) throw error;
        report(path, 'expression', error.message);
      }
    } else if (node !== null && typeof node === 'object') {
      for (const [key, value] of Object.entries(node)) {
        if (path.length === 0 && (key === 'tests' || key === 'functions')) continue;
        visit(value, [...path, Array.isArray(node) ? Number(key) : key]);
      }
    }
  };
  visit(definition, []);
  scripts.dispose();
}

/** A pattern runs on what a model sends: it must not take for ever. */
function lintSchema(node: unknown, path: Path, report: Report): void {
  if (node === null || typeof node !== 'object') return;
  const { pattern } = node as { pattern?: unknown };
  if (typeof pattern === 'string') {
    const limits = node as { maxLength?: unknown };
    if (!safeRegex(pattern)) report([...path, 'pattern'], 'pattern', 'the pattern can take exponential time');
    if (limits.maxLength === undefined) report([...path, 'pattern'], 'pattern', 'a pattern needs maxLength beside it');
  }
  for (const [key, value] of Object.entries(node)) lintSchema(value, [...path, Array.isArray(node) ? Number(key) : key], report);
}

/** Fields that sound secret must be marked so, as unmarked ones are shown while typed. */
function lintSecrets(schema: JsonSchema, path: Path, report: Report): void {
  const { properties = {} } = schema as { properties?: Record<string, { secret?: unknown }> };
  for (const [name, field] of Object.entries(properties)) {
    if (/(secret|password|token|api_?key|private_?key)$/i.test(name) && field.secret !== true) {
      report([...path, 'properties', name], 'secret', `${name} sounds secret: mark it with secret: true`);
    }
  }
}

function lintHost(connector: Connector, request: RequestRule, path: Path, report: Report): void {
  const host = hostOf(request.url);
  const { baseUrl, allowHosts } = connector.definition.server;
  if (host === undefined || [hostOf(baseUrl), ...allowHosts.map((it) => hostOf(it) ?? it)].includes(host)) return;
  report(path, 'host', `${host} is not among server.allowHosts`);
}

/** The host of an address that is written out. */
function hostOf(text: string | undefined): string | undefined {
  const origin = /^https?:\/\/[^/{}\s]+/.exec(text ?? '')?.[0];
  return origin === undefined ? undefined : new URL(origin).host;
}

const argumentsUsed = (spec: unknown): Set<string> =>
  new Set([...JSON.stringify(spec).matchAll(/\bargs\??\.([A-Za-z_]\w*)/g)].map((it) => it[1] ?? ''));

const argumentsInPath = ({ path = '' }: RequestRule): string[] =>
  [...path.matchAll(/\{\{\s*args\.([A-Za-z_]\w*)\s*\}\}/g)].map((it) => it[1] ?? '');
