import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { TielineError } from '../../src/errors.ts';
import { takeEngine } from '../../src/expression/engine.ts';
import { type Http, loadSandbox, Scripts } from '../../src/expression/sandbox.ts';

beforeAll(loadSandbox);

let scripts = new Scripts();
afterEach(() => {
  scripts.dispose();
  scripts = new Scripts();
});

const failing = (message: unknown) => expect.objectContaining({ code: 'expression_failed', message });

/** Answers with the request itself, later. */
const echo: Http = async (request) => {
  await sleep(1);
  return request;
};
const run = (source: string, http: Http = echo, scope = {}, deadlineMs?: number) =>
  scripts.run(source, scope, { http, deadlineMs });

describe('run', () => {
  it.each<[string, unknown]>([
    ['1 + args.n', 3],
    ['undefined', undefined],
    ['(async () => 5)()', 5],
    ['(async () => (await http({ a: 1 })).a)()', 1],
    ['(async () => [(await http({ a: 1 })).a, (await http({ a: args.n })).a])()', [1, 2]],
    ['Promise.all([1, 2, 3].map((n) => http({ n }).then((it) => it.n)))', [1, 2, 3]],
    ['({ then: (resolve) => resolve("a thenable") })', 'a thenable'],
    ['http({ list: [3, 1] }).then((it) => it.list.sort())', [1, 3]],
    ['(async () => { for await (const it of [http({ n: 1 })]) return it.n })()', 1],
    ['(async () => { try { await http() } catch (error) { return error.message } })()', 'http() needs a request'],
    ['(async () => { http({}); return "did not wait" })()', 'did not wait'],
    ['[typeof http, Object.isFrozen(http)]', ['function', true]],
  ])('%s', async (source, value) => {
    expect(await run(source, echo, { args: { n: 2 } })).toEqual(value);
  });

  it('tells each request from the others, in whatever order they are answered', async () => {
    const late: Http = async (request) => {
      const { n } = request as { n: number };
      await sleep(20 - n * 8);
      return n;
    };
    expect(await run('Promise.all([0, 1, 2].map((n) => http({ n })))', late)).toEqual([0, 1, 2]);
    expect(await run('Promise.race([0, 1, 2].map((n) => http({ n })))', late)).toBe(2);
  });

  it.each([
    ['(async () => { throw new Error("no luck") })()', /^no luck in/],
    ['Promise.reject("text")', /^text in/],
    ['new Promise(() => {})', /^it waits for what never comes in/],
    ['(async () => { await http({}); await new Promise(() => {}) })()', /^it waits for what never comes in/],
    ['(async () => 10n)()', /BigInt/],
    ['Promise.reject({ code: "made_up", message: "mine" })', /^mine in/],
    ['Promise.reject({ get code() { throw new Error("from a getter") } })', /^from a getter in/],
    ['Promise.all(Array.from({ length: 11 }, () => http({})))', /^a script makes at most 10 requests in/],
    ['(async () => { for (;;) await http({}) })()', /^a script makes at most 10 requests in/],
    ['http()', /^http\(\) needs a request in/],
  ])('%s fails', async (source, message) => {
    await expect(run(source)).rejects.toEqual(failing(expect.stringMatching(message)));
  });

  it('has no http for expressions that cannot wait, not even one that was kept', async () => {
    expect(await run('(globalThis.kept = http, typeof globalThis.kept)')).toBe('function');
    expect(scripts.evaluate('[typeof http, typeof globalThis.kept]', {})).toEqual(['undefined', 'undefined']);
    expect(() => new Scripts({ functions: { http: '() => 1' } })).toThrow('cannot be the name');
  });

  it('offers the functions of the connector, which are given http', async () => {
    const own = new Scripts({ functions: { twice: 'async (http) => [await http(1), await http(2)]' } });
    expect(await own.run('twice(http)', {}, { http: echo })).toEqual([1, 2]);
    own.dispose();
  });
});

describe('a request that fails', () => {
  const error = new TielineError('upstream_timeout', 'too slow', { hint: 'wait', cause: new Error('inner') });
  const refuse: Http = () => Promise.reject(error);

  it('is what the script fails with', async () => {
    await expect(run('(async () => { await http({}) })()', refuse)).rejects.toBe(error);
    await expect(run('http({})', refuse)).rejects.toBe(error);
  });

  it('is another error once a request was answered, so that nobody takes it for nothing sent', async () => {
    const http: Http = (request) => (request === 1 ? Promise.resolve({}) : Promise.reject(error));
    const failure = await run('(async () => { await http(1); await http(2) })()', http).catch((it: unknown) => it);
    expect(failure).not.toBe(error);
    expect(failure).toMatchObject({ code: 'upstream_timeout', message: 'too slow', hint: 'wait' });
  });

  it('may be caught, and shows its code and message only', async () => {
    const seen = await run('(async () => { try { await http({}) } catch (it) { return it } })()', refuse);
    expect(seen).toEqual({ code: 'upstream_timeout', message: 'too slow' });
    const keys = '(async () => { try { await http({}) } catch (it) { return Reflect.ownKeys(it) } })()';
    expect(await run(keys, refuse)).toEqual(['code', 'message']);
  });

  it('is a bug where it is no failure that a caller could act on, and tells the script nothing', async () => {
    const bug = new Error('secret inside');
    const broken: Http = () => {
      throw bug;
    };
    await expect(run('http({})', broken)).rejects.toBe(bug);
    expect(await run('http({}).catch((it) => it.message)', broken)).toBe('the request could not be made');
  });

  it.each(['reauthorization_required', 'refresh_failed', 'token_rejected'])('may be told as %s', async (code) => {
    const source = `(async () => { throw { code: '${code}', message: 'as the script says' } })()`;
    await expect(run(source)).rejects.toMatchObject({ code, message: 'as the script says' });
  });
});

describe('tokens that an answer held', () => {
  it.each(['throw new Error(it.deep.token)', 'throw { code: "refresh_failed", message: it.cookie }'])(
    'do not leave by %s',
    async (end) => {
      const answer = { deep: { token: 'aB3-only-just-made-77' }, cookie: 'sid=aB3-only-just-made-77; Path=/' };
      const failure = run(`(async () => { const it = await http({}); ${end} })()`, async () => answer);
      const message = await failure.catch((error: unknown) => (error as Error).message);
      expect(message).toContain('[secret]');
      expect(message).not.toContain('only-just-made');
    },
  );

  it('are told from words', async () => {
    const failure = run('(async () => { throw new Error((await http({})).error) })()', async () => ({
      error: 'invalid_credentials',
    }));
    await expect(failure).rejects.toThrow('invalid_credentials');
  });
});

describe('no host object is in reach of a script that waits', () => {
  const PROBE =
    'return [typeof process, typeof require, typeof fetch, typeof setTimeout, typeof WebAssembly, typeof std, typeof os].join()';
  const NOTHING = Array(7).fill('undefined').join();

  it.each([
    `http.constructor(${JSON.stringify(PROBE)})()`,
    `http({}).constructor.constructor(${JSON.stringify(PROBE)})()`,
    `(async () => (await http({})).constructor.constructor(${JSON.stringify(PROBE)})())()`,
    `http({ fail: 1 }).catch((it) => it.constructor.constructor(${JSON.stringify(PROBE)})())`,
    `(async () => { await 1; return (async () => {}).constructor(${JSON.stringify(PROBE)})() })()`,
    `(async () => { try { await http() } catch (it) { return it.constructor.constructor(${JSON.stringify(PROBE)})() } })()`,
    `(async () => { Promise.prototype.then = Promise.prototype.then; await 1; return (0, eval)(${JSON.stringify(`(() => { ${PROBE} })()`)}) })()`,
  ])('%s', async (source) => {
    const http: Http = async (request) => {
      if ((request as { fail?: number }).fail) throw new TielineError('upstream_failed', 'no');
      return { list: [] };
    };
    expect(await run(source, http)).toBe(NOTHING);
  });

  it.each(['import("node:fs")', '(async () => { await 1; return (0, eval)("import(`node:fs`)") })()'])(
    '%s fails',
    async (source) => {
      await expect(run(source)).rejects.toEqual(failing(expect.any(String)));
      expect(await run('1')).toBe(1);
    },
  );

  it('a changed built-in changes nothing of how requests go out and answers come in', async () => {
    const source = `(async () => {
      JSON.stringify = () => '"forged"'; JSON.parse = () => 'forged'; Object.keys = () => [];
      globalThis.Promise = Reflect.apply = () => 'forged';
      return (await http({ a: 1 })).a;
    })()`;
    const seen: unknown[] = [];
    const http: Http = async (request) => {
      seen.push(request);
      return { a: 2 };
    };
    expect(await run(source, http)).toBe(2);
    expect(seen).toEqual([{ a: 1 }]);
  });

  it('what it sends is data', async () => {
    const seen: unknown[] = [];
    const source = `http({ get url() { return typeof process }, f: () => 1, __proto__: { x: 1 }, ['__proto__']: { polluted: 1 } })`;
    await run(source, async (request) => void seen.push(request));
    expect(JSON.stringify(seen)).toBe('[{"url":"undefined","__proto__":{"polluted":1}}]');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('exhaustion ends the script and nothing else', () => {
  it.each([
    ['(async () => { for (;;); })()', /^took longer than 100 ms/],
    ['(async () => { await http({}); for (;;); })()', /^took longer than 100 ms/],
    ['(async () => { for (;;) await 1; })()', /^took longer than 100 ms/],
    ['(() => { const again = () => Promise.resolve().then(again); return again() })()', /^took longer than 100 ms/],
    ['(async () => { try { await http({}); for (;;); } catch { return 1 } })()', /^took longer than 100 ms/],
    ['(async () => { try { await (async () => { for (;;); })() } catch {} return 1 })()', /^took longer than 100 ms/],
    ['(async () => { await 1; return /^(a+)+$/.test("a".repeat(40) + "b") })()', /^took longer than 100 ms/],
    ['({ get then() { for (;;); } })', /^took longer than 100 ms/],
    ['(async () => ({ toJSON() { for (;;); } }))()', /^took longer than 100 ms/],
    ['http({ toJSON() { for (;;); } })', /^took longer than 100 ms/],
    ['Promise.reject({ get code() { for (;;); } })', /^took longer than 100 ms/],
    [
      '(async () => { Object.defineProperty(Object.prototype, "then", { get() { for (;;); } }); return http({}) })()',
      /^took longer than 100 ms/,
    ],
    [
      '(async () => { await 1; const all = []; for (;;) all.push(new Uint8Array(1e6)); })()',
      /^(out of memory|took longer)/,
    ],
    [
      '(async () => { await http({}); let s = "ab"; for (let i = 0; i < 28; i++) s += s; return s })()',
      /^(out of memory|took longer)/,
    ],
    ['(async () => { await 1; const f = (n) => f(n + 1) + 1; return f(0) })()', /^stack overflow/],
    ['http("x".repeat(2 ** 29))', /^(out of memory|invalid string length|string too long)/i],
  ])('%s', async (source, message) => {
    const other = new Scripts();
    expect(other.evaluate('1', {})).toBe(1);
    await expect(run(source)).rejects.toEqual(failing(expect.stringMatching(message)));
    expect(await run('http({ a: 1 })')).toEqual({ a: 1 });
    expect(other.evaluate('args', { args: 2 })).toBe(2);
    other.dispose();
  });

  it('counts the time in the sandbox over all its turns, and not the time it waits', async () => {
    const burn = (ms: number) => `(() => { const end = Date.now() + ${ms}; while (Date.now() < end); })()`;
    const turns = (ms: number) =>
      `(async () => { for (let i = 0; i < 9; i++) { ${burn(ms)}; await http({}) } return 1 })()`;
    await expect(run(turns(60))).rejects.toEqual(failing(expect.stringMatching(/^took longer than 100 ms/)));
    const slow: Http = () => sleep(150);
    expect(await run('http({}).then(() => 1)', slow)).toBe(1);
  });

  it('ends at its deadline, and its requests with it', async () => {
    let ended = false;
    const hang: Http = (_, signal) =>
      new Promise(() => {
        signal.addEventListener('abort', () => {
          ended = true;
        });
      });
    await expect(run('http({})', hang, {}, 20)).rejects.toEqual(
      failing(expect.stringMatching(/^took longer than 0.02 s/)),
    );
    expect(ended).toBe(true);
  });

  it('ends when others have used up the engine meanwhile, and repeats no request', async () => {
    // A busy machine may need longer for that than scripts are given.
    scripts.dispose();
    scripts = new Scripts({ timeLimitMs: 20_000 });
    let sent = 0;
    const http: Http = async () => {
      sent += 1;
      expect(() =>
        scripts.evaluate('(() => { const all = []; for (;;) all.push(new Uint8Array(1e6)); })()', {}),
      ).toThrow();
    };
    await expect(run('http({})', http)).rejects.toEqual(failing(expect.stringMatching(/^the sandbox was lost/)));
    expect(sent).toBe(1);
    await sleep(50);
    expect(await run('http({ a: 1 })')).toEqual({ a: 1 });
  });
});

it('releases the context of functions that do not parse', () => {
  const before = takeEngine().contexts;
  const broken = new Scripts({ functions: { broken: '(' } });
  expect(() => broken.evaluate('1', {})).toThrow('function broken');
  expect(takeEngine().contexts).toBe(before);
});

it('releases every context, however a script ends', async () => {
  const engine = takeEngine();
  const before = engine.contexts;
  const own = new Scripts();
  onTestFinished(() => own.dispose());
  const endings = [
    '(async () => (await http({ text: "x".repeat(1e4) })).text.length)()',
    '(async () => { http({}); http({}); return 1 })()',
    '(async () => { await http({}); throw new Error("no") })()',
    '(async () => { await http({}); await new Promise(() => {}) })()',
    '(async () => { globalThis.kept = [http, http({}), await http({})]; return 1 })()',
  ];
  for (let turn = 0; turn < 300; turn += 1) {
    const source = endings[turn % endings.length] ?? '';
    await own.run(source, {}, { http: async (request) => request }).catch(() => {});
  }
  expect(engine.contexts).toBe(before);
  expect(takeEngine()).toBe(engine);
  expect(engine.hasRoom(8 * 1024 * 1024)).toBe(true);
});
