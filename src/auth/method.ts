import type { Method } from '../connector/authspec.ts';
import { TielineError } from '../errors.ts';
import { compileMapping, type Mapping } from '../expression/formula.ts';
import type { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';

const mappings = new WeakMap<object, Mapping>();
const IDENTIFIER = /^[A-Za-z_]\w*$/;

/** What a method of a definition gives: the values of its mapping, or what its function returns. Pure. */
export function runMethod(
  method: Method,
  scope: Scope,
  scripts: Scripts | undefined,
): Readonly<Record<string, unknown>> {
  const value =
    method.javascript === undefined ? map(method.mapping, scope, scripts) : run(method.javascript, scope, scripts);
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return { ...value };
  throw new TielineError('definition_invalid', 'a method of the auth option gives no object');
}

function map(source: unknown, scope: Scope, scripts: Scripts | undefined): unknown {
  if (source === null || typeof source !== 'object') return source;
  const mapping = mappings.get(source) ?? compileMapping(source);
  mappings.set(source, mapping);
  return mapping.evaluate(scope, scripts);
}

/** The function gets the scope as one argument, for it to take apart. */
function run(source: string, scope: Scope, scripts: Scripts | undefined): unknown {
  if (!scripts) throw new Error('JavaScript needs the sandbox');
  const names = Object.keys(scope).filter((it) => IDENTIFIER.test(it));
  return scripts.evaluate(`(${source.trim().replace(/;$/, '')})({ ${names.join(', ')} })`, scope);
}
