import { BOUNDS } from './bounds.ts';

/**
 * What runs inside the sandbox around the expressions. It takes what it needs from the built-ins before any expression
 * runs, so that an expression that changes a built-in cannot change how values come in and go out.
 *
 * Answers are texts: `=` + JSON, `=` alone for undefined, `!` + message, `#` out of memory. An expression's own answer
 * is never more than data, so the host need not look into any object of the sandbox.
 *
 * A script that waits is started by `start`; its requests leave through the host as texts and come back by `arrive` and
 * `settle`, between which the host runs the jobs. `outcome` tells how it ended: as above, '' while it has not, `?` + the
 * number of the request whose failure ended it, or `~` + JSON of the code and message it threw.
 */
export const KERNEL = `(host, names, mostResult, mostMessage) => {
  'use strict';
  const { parse, stringify } = JSON;
  const { freeze, keys, defineProperty } = Object;
  const { String, Promise, Error, TypeError, InternalError, RangeError, globalThis: global } = globalThis;
  const slice = Function.prototype.call.bind(String.prototype.slice);
  const hasInstance = Function.prototype.call.bind(Function.prototype[Symbol.hasInstance]);
  const { apply } = Reflect;
  const { then } = Promise.prototype;
  const evaluate = eval;
  const roots = Object.create(null);
  const compiled = Object.create(null);
  const waiting = Object.create(null);
  const refusals = Object.create(null);
  let count = 0;
  let arrived;
  let outcome = '';

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

  const refused = (reason) => {
    for (const number of keys(refusals)) if (refusals[number] === reason) return '?' + number;
    if (typeof reason !== 'object' || reason === null || typeof reason.code !== 'string') throw reason;
    return '~' + stringify({ __proto__: null, code: reason.code, message: slice(String(reason.message), 0, mostMessage) });
  };
  const http = freeze((request) => new Promise((resolve, reject) => {
    const answer = host('http', stringify(request) ?? '');
    if (answer[0] !== '=') throw new TypeError(slice(answer, 1));
    waiting[slice(answer, 1)] = { __proto__: null, resolve, reject };
  }));

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
    check: (source) => {
      let slip;
      try {
        const made = evaluate('"use strict";(()=>(\\n' + source + '\\n))');
        slip = typeof made() === 'function' ? undefined : { message: 'it is not a function', line: 1 };
      } catch (error) {
        if (!hasInstance(Error, error) || error.message === 'out of memory') throw error;
        slip = { message: slice(error.message, 0, mostMessage), line: error.lineNumber > 1 ? error.lineNumber - 1 : 1 };
      }
      return give(slip);
    },
    set: (name, json) => give(void (roots[name] = json === '' ? undefined : seal(parse(json)))),
    run: (index) => give(compiled[index](roots)),
    start: (index) => {
      roots.http = http;
      const settled = new Promise((resolve) => resolve(compiled[index](roots)));
      const onValue = (value) => void (outcome = guard(() => give(value)));
      const onFailure = (reason) => void (outcome = guard(() => refused(reason)));
      apply(then, settled, [onValue, onFailure]);
      return give();
    },
    outcome: () => outcome,
    arrive: (json) => give(void (arrived = parse(json))),
    settle: (number, how) => {
      const { resolve, reject } = waiting[number];
      delete waiting[number];
      if (how === 'refused') refusals[number] = arrived;
      (how === 'refused' ? reject : resolve)(arrived);
      return give((arrived = undefined));
    },
  });
  return (name, first, second) => guard(() => calls[name](first, second));
}`;
