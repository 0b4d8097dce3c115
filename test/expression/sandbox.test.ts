import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadSandbox, Scripts } from '../../src/expression/sandbox.ts';
import { Secrets } from '../../src/secrets.ts';

beforeAll(loadSandbox);

let scripts = new Scripts();
afterEach(() => {
  scripts.dispose();
  scripts = new Scripts();
});

const failing = (message: unknown) => expect.objectContaining({ code: 'expression_failed', message });

describe('evaluate', () => {
  it.each<[string, unknown]>([
    ['1 + 1', 2],
    ['args.list.map((x) => x * 2)', [2, 4]],
    ['({ a: undefined, b: null, c: [undefined] })', { b: null, c: [null] }],
    ['undefined', undefined],
    ['() => 1', undefined],
    ['Symbol("x")', undefined],
    ['unknown', undefined],
    ['[unknown?.x, typeof unknown]', [null, 'undefined']],
    ['args.text.length', 4],
    ['args.text === "\\u0000\\ud800é"+"€"', true],
    ['args.text', '\0\ud800é€'],
    ['(() => { const { list: [first] } = args; return first })()', 1],
    ['args.list // a comment', [1, 2]],
    ['args.list.toSorted((a, b) => b - a)', [2, 1]],
    ['args.hasOwnProperty("__proto__")', true],
    ['new Date(0).toISOString()', '1970-01-01T00:00:00.000Z'],
    ['(leak = 1, [leak, typeof globalThis.leak])', [1, 'undefined']],
  ])('%s', (expression, value) => {
    const args = JSON.parse('{"__proto__": 1}');
    expect(scripts.evaluate(expression, { args: Object.assign(args, { list: [1, 2], text: '\0\ud800é€' }) })).toEqual(
      value,
    );
  });

  it.each([
    ['args.x.y', "cannot read property 'y' of undefined in {{ args.x.y }}"],
    ['(() => { throw new Error("no luck") })()', 'no luck in {{ (() => { throw new Error("no luck") })() }}'],
    ['(() => { throw "text" })()', 'text in {{ (() => { throw "text" })() }}'],
    ['Promise.resolve(1)', 'a promise: expressions cannot wait in {{ Promise.resolve(1) }}'],
    ['10n', 'Do not know how to serialize a BigInt in {{ 10n }}'],
    ['a b', expect.stringContaining('{{ a b }}')],
    ['(a', 'missing ) in {{ (a }}'],
    ['1)}; for(;;); (() => {(2', 'unexpected ) in {{ 1)}; for(;;); (() => {(2 }}'],
    ['args.list.sort()', expect.stringContaining('read-only')],
    ['args.list[0] = 1', expect.stringContaining('read-only')],
  ])('%s fails', (expression, message) => {
    expect(() => scripts.evaluate(expression, { args: { list: [2, 1] } })).toThrow(failing(message));
  });

  it('bounds what it shows of a message, and hides secrets in it', () => {
    const { scrub } = new Secrets(['swordfish-and-more']);
    const careful = new Scripts({ scrub });
    const source = '(() => { throw new Error(args + "x".repeat(1000)) })()';
    expect(() => careful.evaluate(source, { args: 'swordfish-and-more ' })).toThrow(
      failing(expect.stringMatching(/^\[secret\] x{150,200} in \{\{/)),
    );
    const args = `${'y'.repeat(195)}swordfish-and-more`;
    expect(() => careful.evaluate('(() => { throw args })()', { args })).toThrow(
      failing(expect.stringMatching(/^y{195}\[secr in/)),
    );
    careful.dispose();
  });

  it('sees a root anew when it is another value, and only then', () => {
    const first = { n: 1 };
    expect(scripts.evaluate('args.n', { args: first })).toBe(1);
    first.n = 2; // values of a call do not change in place; this shows that the same one is not sent twice
    expect(scripts.evaluate('args.n', { args: first })).toBe(1);
    expect(scripts.evaluate('args.n', { args: { n: 3 } })).toBe(3);
    expect(scripts.evaluate('args?.n', {})).toBeUndefined();
  });

  it('fails on a root that is no JSON', () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(() => scripts.evaluate('args', { args: cycle })).toThrow(
      failing('args cannot be written as JSON in {{ args }}'),
    );
    expect(scripts.evaluate('other', { args: cycle, other: 1 })).toBe(1);
  });

  it('refuses a result of more than 25 MB, or one that does not fit', () => {
    expect(() => scripts.evaluate('"x".repeat(26e6)', {})).toThrow(
      failing(expect.stringMatching(/^(the result is too large|out of memory) in/)),
    );
  });

  it('offers the functions of the connector', () => {
    const functions = {
      double: '(x) => x * 2',
      quad: '(x) => { const y = double(x); return double(y) }',
      greet: 'function (x) { return base64(x) }',
    };
    const own = new Scripts({ functions });
    expect(own.evaluate('[quad(args), double(1), greet("a")]', { args: 3, double: 'a root does not hide it' })).toEqual(
      [12, 2, 'YQ=='],
    );
    own.dispose();
  });

  it('names a function that does not parse', () => {
    const own = new Scripts({ functions: { broken: '(x) => {' } });
    expect(() => own.evaluate('1', {})).toThrow(failing(expect.stringMatching(/^function broken: /)));
    own.dispose();
  });

  it.each(['base64', 'Math', 'undefined', 'if', 'a-b', 'eval', ''])('refuses a function called "%s"', (name) => {
    expect(() => new Scripts({ functions: { [name]: '() => 1' } })).toThrow(
      expect.objectContaining({ code: 'definition_invalid' }),
    );
  });

  it('cannot be used after it was disposed', () => {
    scripts.dispose();
    scripts.dispose();
    expect(() => scripts.evaluate('1', {})).toThrow('disposed');
  });
});

describe('no host object is in reach', () => {
  const FROM_GLOBAL =
    'return [typeof process, typeof require, typeof fetch, typeof setTimeout, typeof WebAssembly, typeof std, typeof os].join()';
  const NOTHING = Array(7).fill('undefined').join();

  it.each([
    `({}).constructor.constructor(${JSON.stringify(FROM_GLOBAL)})()`,
    `args.constructor.constructor(${JSON.stringify(FROM_GLOBAL)})()`,
    `args.list.map.constructor(${JSON.stringify(FROM_GLOBAL)})()`,
    `base64.constructor(${JSON.stringify(FROM_GLOBAL)})()`,
    `Object.getPrototypeOf(async () => {}).constructor && Function(${JSON.stringify(FROM_GLOBAL)})()`,
    `(() => { try { hmac('none', 'k', 't') } catch (e) { return e.constructor.constructor(${JSON.stringify(FROM_GLOBAL)})() } })()`,
    `(() => { try { null.x } catch (e) { return e.constructor.constructor(${JSON.stringify(FROM_GLOBAL)})() } })()`,
    `Reflect.construct(Function, [${JSON.stringify(FROM_GLOBAL)}])()`,
    `(0, eval)(${JSON.stringify(`(() => { ${FROM_GLOBAL} })()`)})`,
    `(function () { ${FROM_GLOBAL} })()`,
    `[1].map(function () { return this?.constructor.constructor(${JSON.stringify(FROM_GLOBAL)})() }, args)[0]`,
  ])('%s', (expression) => {
    expect(scripts.evaluate(expression, { args: { list: [] } })).toBe(NOTHING);
  });

  it.each(['import("node:fs")', '(0, eval)("import(`node:fs`)")', 'import.meta', 'import("data:text/javascript,1")'])(
    '%s fails',
    (expression) => {
      expect(() => scripts.evaluate(expression, {})).toThrow(failing(expect.any(String)));
      expect(scripts.evaluate('1', {})).toBe(1);
    },
  );

  it.each<[string, unknown]>([
    ['({ get x() { return typeof process } })', { x: 'undefined' }],
    ['new Proxy({ a: 1 }, { get: (target, key) => key === "a" ? typeof process : undefined })', { a: 'undefined' }],
    ['JSON.parse(\'{"__proto__": {"polluted": true}}\')', JSON.parse('{"__proto__": {"polluted": true}}')],
    ['(Object.prototype.polluted = true, { a: 1 })', { a: 1 }],
    ['({ toJSON: () => ({ made: typeof process }) })', { made: 'undefined' }],
  ])('%s is data', (expression, value) => {
    const result = scripts.evaluate(expression, {});
    expect(JSON.stringify(result)).toBe(JSON.stringify(value));
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('a changed built-in changes nothing for the next expressions', () => {
    const change = `(() => {
      JSON.stringify = () => '"forged"'; JSON.parse = () => 'forged'; Object.keys = Object.freeze = () => [];
      Array.prototype.push = String.prototype.slice = Function.prototype.call = Reflect.apply = () => 'forged';
      globalThis.Promise = globalThis.TypeError = undefined;
      return 1;
    })()`;
    expect(scripts.evaluate(change, {})).toBe(1);
    expect(scripts.evaluate('[args.a, base64("x")]', { args: { a: 1 } })).toEqual([1, 'eA==']);
    expect(() => scripts.evaluate('base64 = 1', {})).toThrow(failing(expect.stringContaining('base64')));
    const other = new Scripts();
    expect(other.evaluate('JSON.stringify([1])', {})).toBe('[1]');
    other.dispose();
  });
});

describe('exhaustion ends the evaluation and nothing else', () => {
  it.each([
    ['(() => { for (;;); })()', /^took longer than 100 ms/],
    ['(() => { try { for (;;); } catch { for (;;); } finally { for (;;); } })()', /^took longer than 100 ms/],
    ['/^(a+)+$/.test("a".repeat(40) + "b")', /^took longer than 100 ms/],
    ['/(x+x+)+y/.exec("x".repeat(50))', /^took longer than 100 ms/],
    ['new Proxy({}, { get() { for (;;); } })', /^took longer than 100 ms/],
    ['({ toJSON() { for (;;); } })', /^took longer than 100 ms/],
    ['(() => { throw { get message() { for (;;); } } })()', /^took longer than 100 ms/],
    ['(() => { throw { toString() { for (;;); } } })()', /^took longer than 100 ms/],
    ['(() => { const all = []; for (;;) all.push(new Uint8Array(1e6)); })()', /^(out of memory|took longer)/],
    ['(() => { let s = "ab"; for (let i = 0; i < 28; i++) s += s; return s })()', /^(out of memory|took longer)/],
    ['(() => { let s = "ab"; for (;;) s += s })()', /^(string too long|out of memory|took longer)/],
    ['(() => { const all = []; for (;;) all.push({ a: [all.length] }) })()', /^(out of memory|took longer)/],
    ['"x".repeat(2 ** 29)', /^(out of memory|invalid string length|string too long)/i],
    ['Array(2 ** 24).fill({})', /^(out of memory|the array is too long)/],
    ['(() => { const f = (n) => f(n + 1) + 1; return f(0) })()', /^stack overflow/],
    [
      '(() => { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a })()',
      /^(stack overflow|out of memory|took longer|circular)/i,
    ],
    ['(() => { const a = []; a[0] = a; return a })()', /circular/i],
    ['JSON.parse("[".repeat(1e6))', /^stack overflow/],
    ['Array(2 ** 32 - 1).indexOf(1)', /^the array is too long/],
    ['Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1)', /^the array is too long/],
    ['"a".repeat(1e6).indexOf("a".repeat(5e5) + "b")', /^the search is too long/],
    ['"\\u0315\\u0300".repeat(1e6).normalize()', /^the text is too long/],
    ['2n ** 100000000n', /^BigInt is too large/],
  ])('%s', (expression, message) => {
    const other = new Scripts();
    expect(other.evaluate('args.n', { args: { n: 1 } })).toBe(1);
    expect(() => scripts.evaluate(expression, {})).toThrow(failing(expect.stringMatching(message)));
    expect(scripts.evaluate('args.n + 1', { args: { n: 1 } })).toBe(2);
    expect(other.evaluate('args.n + 1', { args: { n: 2 } })).toBe(3);
    other.dispose();
  });

  it('a deep root fails alone', () => {
    let deep: unknown = 1;
    for (let depth = 0; depth < 5_000; depth += 1) deep = [deep];
    try {
      scripts.evaluate('args.length', { args: deep });
    } catch (error) {
      expect(error).toMatchObject({ code: 'expression_failed' });
    }
    expect(scripts.evaluate('args.length', { args: [[]] })).toBe(1);
  });

  it('a root that does not fit fails alone', () => {
    expect(() => scripts.evaluate('args.length', { args: 'é'.repeat(9e6) })).toThrow(
      failing('out of memory in {{ args.length }}'),
    );
    expect(scripts.evaluate('args.length', { args: 'é'.repeat(1e6) })).toBe(1e6);
  });

  it('a context that finds the memory taken by others gets its own', () => {
    const texts = Array.from({ length: 4 }, (_, index) => String(index).repeat(3e6));
    const all = texts.map((text) => ({ own: new Scripts(), text }));
    const lengths = () => all.map(({ own, text }) => own.evaluate('[args.length, args[0]]', { args: text }));
    const expected = texts.map((text) => [3e6, text[0]]);
    expect(lengths()).toEqual(expected);
    expect(lengths()).toEqual(expected);
    for (const { own } of all) own.dispose();
  });

  it('without a replacement at hand it fails cleanly, and recovers', async () => {
    const bomb = () => scripts.evaluate('(() => { const all = []; for (;;) all.push(new Uint8Array(1e6)); })()', {});
    for (let turn = 0; turn < 4; turn += 1)
      expect(bomb).toThrow(failing(expect.stringMatching(/out of memory|being replaced/)));
    await new Promise((done) => setTimeout(done, 50));
    expect(scripts.evaluate('1', {})).toBe(1);
  });

  it('keeps no memory of contexts that are gone', () => {
    const args = { text: 'x'.repeat(1_000_000) };
    for (let turn = 0; turn < 40; turn += 1) {
      const one = new Scripts();
      expect(one.evaluate('args.text.length', { args })).toBe(1_000_000);
      one.dispose();
    }
  });
});
