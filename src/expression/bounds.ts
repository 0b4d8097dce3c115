/**
 * QuickJS asks its interrupt handler between steps of JavaScript, not inside a built-in, and some built-ins run for
 * minutes on little memory. So those that data from outside, or a slip, could drive there refuse the work beforehand:
 * the search for one long text in another, Unicode normalization (quadratic over combining marks), and array methods
 * over holes. It is no fence against a hostile author, who can still find a slow built-in.
 */
export const BOUNDS = `() => {
  const MOST_ELEMENTS = 2e6, MOST_COMPARISONS = 1e8, MOST_NORMALIZED = 1e4;
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
  const checkText = (text) => {
    if (text !== null && text !== undefined && text.length > MOST_NORMALIZED) throw new RangeError('the text is too long');
  };
  for (const name of getOwnPropertyNames(Array.prototype)) {
    if (typeof Array.prototype[name] === 'function' && name !== 'constructor') bind(Array.prototype, name, checkLength);
  }
  for (const name of ['indexOf', 'lastIndexOf', 'includes', 'split', 'replace', 'replaceAll']) {
    bind(String.prototype, name, checkSearch);
  }
  for (const name of ['normalize', 'localeCompare']) bind(String.prototype, name, checkText);
}`;
