import { BOUNDS } from './bounds.ts';

/**
 * What runs inside the sandbox around the expressions. It takes what it needs from the built-ins before any expression
 * runs, so that an expression that changes a built-in cannot change how values come in and go out.
 *
 * Answers are texts: `=` + JSON, `=` alone for undefined, `!` + message, `#` out of memory. An expression's own answer
 * is never more than data, so the host need not look into any object of the sandbox.
 */
export const KERNEL = `(host, names, mostResult, mostMessage) => {
  'use strict';
  const { parse, stringify } = JSON;
  const { freeze, keys, defineProperty } = Object;
  const { String, Promise, TypeError, InternalError, RangeError, globalThis: global } = globalThis;
  const slice = Function.prototype.call.bind(String.prototype.slice);
  const hasInstance = Function.prototype.call.bind(Function.prototype[Symbol.hasInstance]);
  const evaluate = eval;
  const roots = Object.create(null);
  const compiled = Object.create(null);
  let count = 0;

  (${BOUNDS})();

  const provide = (name, value) => defineProperty(global, name, { value, enumerable: false });
  const guard = (work) => {
    try {
      return work();
    } catch (error) {
      if (error === null || (hasInstance(InternalError, error) && error.message === 'out of memory')) return '#';
      try {
        return '!' + slice(String(error && error.message !== undefined ? error.message : error), 0, mostMessage);
      } catch {
        return '!an error without a message';
      }
    }
  };
  const seal = (value) => {
    if (typeof value !== 'object' || value === null) return value;
    const own = keys(value);
    for (let index = 0; index < own.length; index++) seal(value[own[index]]);
    return freeze(value);
  };
  const give = (value) => {
    if (hasInstance(Promise, value)) throw new TypeError('a promise: expressions cannot wait');
    const json = stringify(value);
    if (json === undefined) return '=';
    if (json.length > mostResult) throw new RangeError('the result is too large');
    return '=' + json;
  };

  for (const name of parse(names)) {
    provide(name, (...args) => {
      const answer = host(name, stringify(args));
      if (answer[0] !== '=') throw new TypeError(slice(answer, 1));
      return answer === '=' ? undefined : parse(slice(answer, 1));
    });
  }
  const calls = freeze({
    __proto__: null,
    define: (name, source) => give(void provide(name, evaluate('"use strict";(' + source + '\\n)'))),
    compile: (source) => {
      compiled[count] = evaluate('"use strict";' + parse(source));
      return give(count++);
    },
    set: (name, json) => give(void (roots[name] = json === '' ? undefined : seal(parse(json)))),
    run: (index) => give(compiled[index](roots)),
  });
  return (name, first, second) => guard(() => calls[name](first, second));
}`;
