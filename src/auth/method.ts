import type { Method } from '../connector/authspec.ts';
import { TielineError } from '../errors.ts';
import { compileMapping, type Mapping } from '../expression/formula.ts';
import type { Http, Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import { httpOf } from './http.ts';
import type { Ask, Granted } from './type.ts';

const mappings = new WeakMap<object, Mapping>();
const IDENTIFIER = /^[A-Za-z_]\w*$/;
/** A hundred years, in seconds: what is longer means never. */
const LONGEST_LIFE = 100 * 365 * 86_400;

/** What a method of a definition gives: the values of its mapping, or what its function returns. Pure. */
export function runMethod(
  method: Method,
  scope: Scope,
  scripts: Scripts | undefined,
): Readonly<Record<string, unknown>> {
  const source = sourceOf(method);
  if (source === undefined) return objectOf(map(method.mapping, scope, scripts));
  return objectOf(needed(scripts).evaluate(callOf(source, scope), scope));
}

export type AskContext = {
  readonly scope: Scope;
  readonly scripts?: Scripts | undefined;
  /** Makes the requests of `http`. */
  readonly ask?: Ask | undefined;
  /** When the whole has to be over, by `performance.now()`; 60 s from now by default. */
  readonly endsAt?: number | undefined;
};

/** The same for a method that may wait: its function sees `http`. */
export async function askMethod(method: Method, context: AskContext): Promise<Readonly<Record<string, unknown>>> {
  const source = sourceOf(method);
  if (source === undefined) return runMethod(method, context.scope, context.scripts);
  return objectOf(await runFunction(source, context, context.ask && httpOf(context.ask, context.scope)));
}

/** The value of a function that may wait, whatever it is. */
export async function runFunction(
  source: string,
  { scope, scripts, endsAt }: Omit<AskContext, 'ask'>,
  http: Http = noHttp,
): Promise<unknown> {
  const deadlineMs = endsAt === undefined ? undefined : Math.max(0, endsAt - performance.now());
  return needed(scripts).run(callOf(source, { ...scope, http: undefined }), scope, { http, deadlineMs });
}

/** The function of a method; undefined where it has none. Throws `definition_invalid` when its file was not read. */
export function sourceOf({ javascript, file }: Method): string | undefined {
  if (javascript === undefined && file !== undefined) {
    throw new TielineError('definition_invalid', `the file ${file} of a method was not read`);
  }
  return javascript;
}

/** Credentials as a method of a definition gives them. `expiresIn` is in seconds. */
export function grantedBy(given: Readonly<Record<string, unknown>>, now: number): Granted {
  const { expiresIn, ...values } = given;
  const seconds = Number(expiresIn);
  return seconds > 0 ? { values, expiresAt: now + Math.min(seconds, LONGEST_LIFE) * 1_000 } : { values };
}

function map(source: unknown, scope: Scope, scripts: Scripts | undefined): unknown {
  if (source === null || typeof source !== 'object') return source;
  const mapping = mappings.get(source) ?? compileMapping(source);
  mappings.set(source, mapping);
  return mapping.evaluate(scope, scripts);
}

/** The function gets the scope as one argument, for it to take apart. */
function callOf(source: string, scope: Scope): string {
  const names = Object.keys(scope).filter((it) => IDENTIFIER.test(it));
  return `(${source}\n)({ ${names.join(', ')} })`;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return { ...value };
  throw new TielineError('definition_invalid', 'a method of the auth option gives no object');
}

function needed(scripts: Scripts | undefined): Scripts {
  if (!scripts) throw new Error('JavaScript needs the sandbox');
  return scripts;
}

const noHttp: Http = () => Promise.reject(new TielineError('definition_invalid', 'there is no http here'));
