import { isTielineError } from '../errors.ts';
import { Scripts } from '../expression/sandbox.ts';
import { compilePathTemplate, compileTemplate } from '../expression/template.ts';
import {
  type Action,
  LONGEST_TOOL_NAME,
  RESERVED_ARGUMENTS,
  RESERVED_CONNECTOR,
  takesKey,
  toolName,
} from './action.ts';
import type { ActionSpec, RequestRule } from './actionspec.ts';
import { lintAuth } from './authlint.ts';
import { buildConnector, type Connector } from './connector.ts';
import type { Definition } from './definition.ts';
import { hostOf } from './host.ts';
import type { Loaded } from './load.ts';
import { at, inOrder, type Path, type Problem, type Report } from './problem.ts';
import { lintSchema, lintSecrets, propertiesOf } from './schemalint.ts';
import { lintScripts } from './scriptlint.ts';

const ROOTS = new Set([
  'app',
  'input',
  'secrets',
  'settings',
  'credentials',
  'account',
  'args',
  'response',
  'item',
  'event',
  'expanded',
  'steps',
  'grant',
  // of the answer to a token request
  'body',
  'statusCode',
  'headers',
  // of a sign-in
  'callback',
  'codeVerifier',
  'redirectUri',
  // of what is signed
  'request',
  'timestamp',
  'nonce',
  'user',
]);

/** What the schema of the format cannot say. Needs `loadSandbox` first, as scripts are parsed. */
export function lint(loaded: Loaded): Problem[] {
  const { definition, file, source } = loaded;
  const problems: Problem[] = [];
  const report: Report = (path, rule, message) => problems.push(at(file, source.at(path), rule, message));
  lintTexts(definition, [], report);
  lintExpressions(definition, report);
  if (definition.connector === RESERVED_CONNECTOR) {
    report(['connector'], 'connector-name', `${definition.connector} is the name of the tools that manage accounts`);
  }
  for (const [entity, { actions }] of Object.entries(definition.entities)) {
    for (const name of Object.keys(actions)) {
      const tool = toolName(definition.connector, entity, name);
      if (tool.length <= LONGEST_TOOL_NAME) continue;
      report(
        ['entities', entity, 'actions', name],
        'tool-name',
        `tool name ${tool} is longer than ${LONGEST_TOOL_NAME}`,
      );
    }
  }
  for (const [key, option] of Object.entries(definition.auth.options)) {
    lintSchema(option.ui.schema ?? {}, ['auth', 'options', key, 'ui', 'schema'], report);
    lintSecrets(option.ui.schema ?? {}, ['auth', 'options', key, 'ui', 'schema'], report);
  }
  lintSecrets(definition.app?.schema ?? {}, ['app', 'schema'], report);
  lintAuth(definition, report);
  const connector = buildConnector(loaded);
  for (const action of connector.actions) lintAction(connector, action, report);
  if (definition.idempotency && !connector.actions.some((it) => it.idempotency === definition.idempotency)) {
    report(['idempotency'], 'idempotency', 'no action takes it: none creates or updates, or each has its own');
  }
  return inOrder([...problems, ...lintScripts(loaded)]);
}

function lintAction(connector: Connector, action: Action, report: Report): void {
  const { spec, entity, name, pagination, params } = action;
  const path: Path = ['entities', entity, 'actions', name];
  const properties = propertiesOf(params);
  const required = Array.isArray(params.required) ? params.required : [];
  if (params.type !== 'object') report([...path, 'params'], 'params', 'params must be of type object');
  for (const reserved of RESERVED_ARGUMENTS) {
    if (Object.hasOwn(properties, reserved)) {
      report([...path, 'params', 'properties', reserved], 'params', `${reserved} is added by Tieline`);
    }
  }
  for (const [i, argument] of required.entries()) {
    if (Object.hasOwn(properties, String(argument))) continue;
    report([...path, 'params', 'required', i], 'params', `${argument} is required, and params do not have it`);
  }
  lintSchema(params, [...path, 'params'], report);
  const requests = [spec.request, ...(spec.steps ?? []).map((it) => it.request), spec.expand?.request].filter(
    (it) => it !== undefined,
  );
  for (const argument of argumentsUsed(spec)) {
    if (!Object.hasOwn(properties, argument))
      report(path, 'args', `args.${argument} is used, and params do not have it`);
  }
  const skippable = new Set((spec.steps ?? []).filter((it) => it.when !== undefined).map((it) => it.request));
  for (const argument of requests.filter((it) => !skippable.has(it)).flatMap(argumentsInPath)) {
    if (!Object.hasOwn(properties, argument) || required.includes(argument)) continue;
    if ((properties[argument] as { default?: unknown } | null)?.default !== undefined) continue;
    report([...path, 'params'], 'params', `${argument} stands in the path, so it must be required`);
  }
  const last = spec.steps?.at(-1)?.request ?? spec.request;
  if (spec.effect === 'read' && last && ['PUT', 'PATCH', 'DELETE'].includes(last.method)) {
    report([...path, 'effect'], 'effect', `${last.method} changes something, so its effect is not read`);
  }
  if (spec.effect !== 'read' && last?.method === 'GET')
    report([...path, 'effect'], 'effect', 'GET changes nothing, so its effect is read');
  if (last?.method === 'DELETE' && !spec.destructive) report(path, 'effect', 'DELETE is destructive: true');
  const hasOAuth = [...connector.options.values()].some((it) => it.spec.type === 'oauth2' && it.spec.scopes.length > 0);
  if (hasOAuth && spec.scopes.length === 0) report(path, 'scopes', 'the OAuth scopes it needs are missing');
  if (
    pagination &&
    ['offset', 'page'].includes(pagination.kind) &&
    !(pagination.limit || pagination.total || pagination.stop)
  ) {
    report([...path, 'paginate'], 'pagination', 'nothing tells the last page: give limit, total or stop');
  }
  if (spec.expand && pagination?.limit && pagination.limit.max > spec.expand.max) {
    report(
      [...path, 'expand'],
      'expand',
      `a page has up to ${pagination.limit.max} items, and only ${spec.expand.max} are expanded`,
    );
  }
  lintStatement(spec.sql?.statement ?? {}, [...path, 'sql', 'statement'], report);
  if (spec.idempotency && !takesKey(spec)) {
    report(
      [...path, 'idempotency'],
      'idempotency',
      `effect ${spec.effect} needs no key: only create and update have one`,
    );
  }
  const header = action.idempotency?.header.toLowerCase();
  for (const { headers } of header === undefined ? [] : [connector.definition.server, ...requests]) {
    const own = Object.keys(headers).find((it) => it.toLowerCase() === header);
    if (own !== undefined) report(path, 'idempotency', `header ${own} is set by Tieline: leave it out of headers`);
  }
  for (const request of requests) lintHost(connector, request, path, report);
}

/** A value in the text of a statement could be read as a part of it. */
function lintStatement(statement: string | object, path: Path, report: Report): void {
  if (typeof statement !== 'string') {
    for (const [dialect, text] of Object.entries(statement)) lintStatement(text, [...path, dialect], report);
  } else if (/[^\s{]\s*\{\{|\}\}\s*[^\s}]/.test(statement)) {
    report(path, 'statement', 'a value stands in the text: write :name, and the value under parameters');
  }
}

const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Default_Ignorable_Code_Point}]/u;

/** Texts that are read by models: no invisible characters, in which instructions could hide. */
function lintTexts(node: unknown, path: Path, report: Report): void {
  if (typeof node === 'string') {
    if (INVISIBLE.test(node.replace(/[\n\t]/g, ''))) report(path, 'text', 'holds invisible characters');
  } else if (node !== null && typeof node === 'object') {
    for (const [key, value] of Object.entries(node)) {
      if (path.length === 0 && key === 'tests') continue;
      if (INVISIBLE.test(key)) report([...path, key], 'text', 'its name holds invisible characters');
      if (key === 'summary' && typeof value === 'string' && (value.length < 10 || value.length > 300)) {
        report([...path, key], 'description', 'a summary has 10 to 300 characters');
      }
      lintTexts(value, [...path, Array.isArray(node) ? Number(key) : key], report);
    }
  }
}

/** Parses every expression and function, and checks that expressions start from values there are. */
function lintExpressions(definition: Definition, report: Report): void {
  const scripts = new Scripts();
  const attempt = (path: Path, work: () => void) => {
    try {
      work();
    } catch (error) {
      if (!isTielineError(error)) throw error;
      report(path, 'expression', error.message);
    }
  };
  const visit = (node: unknown, path: Path): void => {
    if (typeof node === 'string') {
      attempt(path, () => {
        const inPath = path.at(-1) === 'path' && path.at(-2) === 'request';
        const template = inPath ? compilePathTemplate(node) : compileTemplate(node);
        for (const root of template.roots) {
          if (ROOTS.has(root) || Object.hasOwn(definition.functions, root)) continue;
          report(path, 'expression', `${root} is no value that expressions have`);
        }
        if (template.sandboxed) for (const expression of template.expressions) scripts.parse(expression);
      });
    } else if (node !== null && typeof node === 'object') {
      for (const [key, value] of Object.entries(node)) {
        if (path.length === 0 && (key === 'tests' || key === 'functions')) continue;
        if (key === 'javascript' && path.at(-2) === 'methods') continue;
        const inner = [...path, Array.isArray(node) ? Number(key) : key];
        if (key.includes('{{')) report(inner, 'expression', `a key cannot hold an expression: ${key}`);
        visit(value, inner);
      }
    }
  };
  visit(definition, []);
  scripts.dispose();
  for (const [name, source] of Object.entries(definition.functions)) {
    attempt(['functions', name], () => {
      const own = new Scripts({ functions: { [name]: source } });
      try {
        own.parse(name);
      } finally {
        own.dispose();
      }
    });
  }
}

function lintHost(connector: Connector, request: RequestRule, path: Path, report: Report): void {
  const host = hostOf(request.url);
  const { baseUrl, allowHosts } = connector.definition.server;
  if (host === undefined || [hostOf(baseUrl), ...allowHosts.map((it) => hostOf(it) ?? it)].includes(host)) return;
  report(path, 'host', `${host} is not among server.allowHosts`);
}

/** A line break of an expression stands as \n in JSON, which would hide where a word begins. */
const argumentsUsed = (spec: ActionSpec): Set<string> => {
  const text = JSON.stringify(spec).replaceAll(/\\[nrt]/g, ' ');
  return new Set([...text.matchAll(/(?<![\w$.])args\??\.([A-Za-z_]\w*)/g)].map((it) => it[1] ?? ''));
};

const argumentsInPath = ({ path = '' }: RequestRule): string[] =>
  [...path.matchAll(/\{\{\s*args\.([A-Za-z_]\w*)\s*\}\}/g)].map((it) => it[1] ?? '');
