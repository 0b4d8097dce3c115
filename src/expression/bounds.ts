/**
 * The interrupt handler of QuickJS is asked between steps of JavaScript, not inside a built-in. These can run for
 * minutes on their own: the array methods over `{ length: 2 ** 53 }`, and the search for one long text in another, which
 * data from outside could bring about. So they refuse work that would take longer than an evaluation may.
 */
export const BOUNDS = `() => {
  const MOST_ELEMENTS = 2e6, MOST_COMPARISONS = 1e8;
  const { defineProperty, getOwnPropertyNames } = Object;
  const { apply } = Reflect;
  const { RangeError } = globalThis;
  const bind = (prototype, name, check) => {
    const native = prototype[name];
    const value = {
      [name](...args) {
        check(this, args[0]);
        return apply(native, this, args);
      },
    }[name];
    defineProperty(prototype, name, { value, writable: true, configurable: true });
  };
  const checkLength = (list) => {
    if (list !== null && list !== undefined && list.length > MOST_ELEMENTS) throw new RangeError('the array is too long');
  };
  const checkSearch = (text, part) => {
    if (typeof part === 'string' && text.length * part.length > MOST_COMPARISONS) throw new RangeError('the search is too long');
  };
  for (const name of getOwnPropertyNames(Array.prototype)) {
    if (typeof Array.prototype[name] === 'function' && name !== 'constructor') bind(Array.prototype, name, checkLength);
  }
  for (const name of ['indexOf', 'lastIndexOf', 'includes', 'split', 'replace', 'replaceAll']) {
    bind(String.prototype, name, checkSearch);
  }
}`;
