import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Dialect, tokens } from '../../src/sql/lexer.ts';
import { bindNamed, requireReading, requireWritable } from '../../src/sql/statement.ts';

const DIALECTS: readonly Dialect[] = ['postgresql', 'mysql', 'sqlite'];

describe('bindNamed', () => {
  it.each<[string, Dialect, string, string]>([
    ['a parameter', 'postgresql', 'a = :a', 'a = $1'],
    ['a parameter', 'mysql', 'a = :a', 'a = ?'],
    ['a parameter', 'sqlite', 'a = :a', 'a = ?'],
    ['a cast', 'postgresql', ':a::int + b::text', '$1::int + b::text'],
    [
      'a slice',
      'postgresql',
      'l[1:n] || l[lo:hi] || f(x)[1:f(2):g] || :a',
      'l[1:n] || l[lo:hi] || f(x)[1:f(2):g] || $1',
    ],
    ['an assignment', 'mysql', '@x:=1, :a', '@x:=1, ?'],
    ['a string', 'postgresql', "':b' || :a || 'it''s :b'", "':b' || $1 || 'it''s :b'"],
    ['a backslash in a string', 'postgresql', "'\\' || :a || '\\'", "'\\' || $1 || '\\'"],
    ['a backslash in an E string', 'postgresql', "E'\\' :b' || :a", "E'\\' :b' || $1"],
    ['a word that ends in e', 'postgresql', "date'\\' || :a || ':b'", "date'\\' || $1 || ':b'"],
    ['a backslash in a string', 'mysql', "'\\' :b' , :a", "'\\' :b' , ?"],
    ['a backslash in a string', 'sqlite', "'\\' || :a || '\\'", "'\\' || ? || '\\'"],
    ['a quoted name', 'postgresql', '":b" = :a', '":b" = $1'],
    ['a quoted name', 'mysql', '`:b` = :a', '`:b` = ?'],
    ['a quoted name', 'sqlite', '[:b] = :a', '[:b] = ?'],
    ['a double-quoted string', 'mysql', '"it\\" :b" = :a', '"it\\" :b" = ?'],
    ['dollar quotes', 'postgresql', "$$ ' :b $$ || :a || $x$ :b $$ $x$", "$$ ' :b $$ || $1 || $x$ :b $$ $x$"],
    ['a dollar in a name', 'postgresql', 'a$b$c + :a + d$b$c', 'a$b$c + $1 + d$b$c'],
    ['a line comment', 'postgresql', '1 -- :b\n+ :a', '1 -- :b\n+ $1'],
    ['a nested comment', 'postgresql', '/* /* :b */ :b */ :a', '/* /* :b */ :b */ $1'],
    ['a comment that does not nest', 'mysql', '/* /* :b */ :a', '/* /* :b */ ?'],
    ['two minus signs', 'mysql', '1--:a', '1--?'],
    ['a hash comment', 'mysql', '1 # :b\n, :a', '1 # :b\n, ?'],
    ['a question mark', 'postgresql', "j ? 'x' and j ?| :a", "j ? 'x' and j ?| $1"],
    ['a user variable', 'mysql', '@a, :a', '@a, ?'],
    ['a time', 'postgresql', "at > '12:30' and :a", "at > '12:30' and $1"],
    ['the end of the statement', 'postgresql', ':a ; -- bye', '$1 '],
  ])('knows %s in %s', (_, dialect, condition, expected) => {
    const bound = bindNamed(`SELECT ${condition}`, { a: 1 }, dialect);
    expect(bound).toEqual({ text: `SELECT ${expected}`, values: [1] });
  });

  it.each<[Dialect, string, unknown[]]>([
    ['postgresql', 'SELECT $1, $2, $1', ['x', null]],
    ['mysql', 'SELECT ?, ?, ?', ['x', null, 'x']],
    ['sqlite', 'SELECT ?, ?, ?', ['x', null, 'x']],
  ])('binds a name that is repeated for %s', (dialect, text, values) => {
    expect(bindNamed('SELECT :b, :a, :b', { a: null, b: 'x' }, dialect)).toEqual({ text, values });
  });

  it.each<[string, string, Record<string, unknown>, RegExp]>([
    ['a missing value', 'SELECT :a, :b', { a: 1 }, /no value .* :b$/],
    ['a value that is undefined', 'SELECT :a', { a: undefined }, /no value .* :a$/],
    ['a name that is on every object', 'SELECT :toString', {}, /no value .* :toString$/],
    ['a value without a name', 'SELECT :a', { a: 1, b: 2, c: 3 }, /no parameter :b, :c$/],
    ['a name in a string', "SELECT ':a'", { a: 1 }, /no parameter :a$/],
    ['two statements', 'SELECT 1; DROP TABLE t', {}, /one statement/],
    ['two statements, the second late', 'SELECT 1; /* x */ ; -- y\n SELECT 2', {}, /one statement/],
    ['no statement', ' -- nothing\n;', {}, /no statement/],
    ['a string without end', "SELECT 'a", {}, /does not end/],
    ['a comment without end', 'SELECT 1 /* :a', {}, /does not end/],
    ['NUL', 'SELECT 1\0', {}, /NUL/],
    ['a long statement', `SELECT ${'1,'.repeat(60_000)}1`, {}, /longer/],
    ['a function', 'SELECT :a', { a: () => 1 }, /not a JSON value/],
    ['no number', 'SELECT :a', { a: Number.NaN }, /not a JSON value/],
  ])('refuses %s', (_, statement, parameters, message) => {
    for (const dialect of DIALECTS) {
      expect(() => bindNamed(statement, parameters, dialect)).toThrow(
        expect.objectContaining({ code: 'arguments_invalid', message: expect.stringMatching(message) }),
      );
    }
  });

  it.each<[Dialect, string]>([
    ['postgresql', 'SELECT $1'],
    ['mysql', 'SELECT ?'],
    ['sqlite', 'SELECT ?'],
    ['sqlite', 'SELECT ?1'],
    ['sqlite', 'SELECT @a'],
    ['sqlite', 'SELECT $a'],
  ])('refuses a placeholder of %s itself: %s', (dialect, statement) => {
    expect(() => bindNamed(statement, {}, dialect)).toThrow(/in it/);
  });

  it.each(['SELECT 1 /*! INTO x */', 'SELECT 1 /*M!100 INTO x */', 'SELECT 1 /*!50000 INTO x */'])(
    'refuses comments that MySQL runs: %s',
    (statement) => expect(() => bindNamed(statement, {}, 'mysql')).toThrow(/may not be used/),
  );

  it.each<[Dialect, string, string]>([
    ['postgresql', "SELECT 1e'\\' , f()'", 'a string with escapes right behind a number, before 15'],
    ['postgresql', 'SELECT 1a$b$, f(), 2 AS a$b$', 'a name with dollar signs right behind a number, before 15'],
    ['postgresql', "SELECT U&'d!0061' UESCAPE '!'", 'escapes that what follows explains'],
    ['postgresql', "SELECT E'a'\n'\\'' , f() --'", 'escapes that go on in another string'],
    ['postgresql', 'SELECT $\ud800$ a $\udc00$, f() $\ud800$', 'tags that are one when sent'],
    ['postgresql', 'SELECT 1\u000b+ 1', 'a blank of some versions'],
    ['mysql', "SELECT 1 --\u0001'\n, 2 #'", 'a control character that ends a comment sign'],
    ['mysql', 'SELECT 1.5e-- 5', 'half an exponent'],
    ['mysql', 'SELECT /*+ SET_VAR(max_execution_time = 0) */ 1', 'a hint'],
    ['mysql', 'SELECT $$a$$', 'a body in dollar quotes, from 9 on'],
    ['mysql', 'SELECT \\N', 'a backslash'],
    ['sqlite', "SELECT x :a(' , 1", 'a variable with a quote in it'],
    ['sqlite', 'SELECT \ufeff1', 'a byte order mark'],
    ['sqlite', 'SELECT [a', 'a name that does not end'],
    ['sqlite', 'SELECT 1 /* a', 'a comment that does not end'],
  ])('refuses for %s %s: %s', (dialect, statement) => {
    expect(() => bindNamed(statement, { a: 1 }, dialect)).toThrow(
      expect.objectContaining({ code: 'arguments_invalid' }),
    );
  });

  it.each<[Dialect, string]>([
    ['postgresql', 'SELECT 1, 1.5, .5, 1., 1e5, 1.5e-3, 0x1F, 1_000, l[1:2], 1::int, (1)-(-1), 1+1'],
    ['postgresql', "SELECT 'a'\n'b', E'it''s \\'', \"a\"\"b\", $$it's$$, N'x', B'1', X'1F'"],
    ['mysql', "SELECT 1, 1.5, .5, 1., 1e5, 1.5e-3, 0x1F, 1a, t.e, t.1e5, 'it''s \\'', @a, @@b, _utf8'x', N'x'"],
    ['sqlite', "SELECT 1, 1.5, .5, 1., 1e5, 1.5e-3, 0x1F, 'it''s', x'1F', [a], `b`, a->>'$.x'"],
  ])('takes for %s %s', (dialect, statement) => {
    expect(bindNamed(statement, {}, dialect).text).toBe(statement);
  });

  it('takes bytes', () => {
    expect(bindNamed('SELECT :a', { a: { $base64: 'AP8=' } }, 'mysql').values).toEqual([Buffer.from([0, 255])]);
  });
});

/** Pieces out of which lexers are tripped. */
const piece = fc.constantFrom(
  ...["'", '"', '`', '[', ']', '$$', '$x$', '--', '\n', '/*', '*/', '#', '\\', ':', '::', ':a', ':b', "E'", 'e', ';'],
  ...['(', ')', ',', '?', '$1', '@', ' ', 'SELECT', '1', 'é', '=', '||'],
);
const statements = fc.array(piece, { maxLength: 25 }).map((it) => it.join(''));

describe('claims about every statement', () => {
  it('its pieces are the statement', () => {
    fc.assert(
      fc.property(statements, fc.constantFrom(...DIALECTS), (statement, dialect) => {
        const found = attempt(() => tokens(statement, dialect));
        fc.pre(found !== undefined);
        expect(found?.map((it) => it.text).join('')).toBe(statement);
      }),
    );
  });

  it('a bound value never changes the text', () => {
    const values = fc.record({ a: fc.jsonValue(), b: fc.jsonValue() });
    const around = fc.constantFrom<[string, string]>(['SELECT ', ' + :a + :b'], ['SELECT :a, :b, ', '']);
    fc.assert(
      fc.property(statements, around, fc.constantFrom(...DIALECTS), values, (middle, [before, after], dialect, one) => {
        const statement = before + middle + after;
        const plain = attempt(() => bindNamed(statement, { a: 1, b: 2 }, dialect));
        fc.pre(plain !== undefined);
        const bound = bindNamed(statement, one, dialect);
        expect(bound.text).toBe(plain?.text);
        expect(bound.values).toEqual(plain?.values.map((it) => (it === 1 ? one.a : one.b)));
      }),
    );
  });
});

describe('what may be run', () => {
  it.each<[Dialect, string]>([
    ['postgresql', 'select 1'],
    ['postgresql', '/* x */ ((SELECT 1) UNION (SELECT 2))'],
    ['postgresql', 'TABLE t'],
    ['postgresql', 'SHOW work_mem'],
    ['mysql', 'DESCRIBE t'],
    ['mysql', "SELECT 'INTO OUTFILE'"],
    ['sqlite', 'PRAGMA table_info(t)'],
    ['sqlite', 'PRAGMA main.index_list(t)'],
    ['sqlite', 'EXPLAIN QUERY PLAN SELECT 1'],
  ])('%s may read with %s', (dialect, statement) => expect(requireReading(statement, dialect)).toBeUndefined());

  it.each<[Dialect, string]>([
    ['postgresql', 'INSERT INTO t VALUES (1)'],
    ['postgresql', '-- SELECT\nDELETE FROM t'],
    ['postgresql', "COPY (SELECT 1) TO PROGRAM 'id'"],
    ['postgresql', 'COMMIT'],
    ['postgresql', 'SET TRANSACTION READ WRITE'],
    ['postgresql', '"SELECT"'],
    ['mysql', "SELECT 1 INTO OUTFILE '/tmp/x'"],
    ['mysql', "SELECT 1 INTO/**/dumpfile '/tmp/x'"],
    ['mysql', 'CALL p()'],
    ['sqlite', 'UPDATE t SET a = 1'],
  ])('%s may not read with %s', (dialect, statement) => {
    expect(() => requireReading(statement, dialect)).toThrow(expect.objectContaining({ code: 'policy_denied' }));
  });

  it.each([
    "ATTACH '/etc/passwd' AS x",
    'DETACH x',
    "VACUUM INTO '/tmp/x'",
    'PRAGMA query_only = OFF',
    'PRAGMA main.writable_schema = 1',
    'PRAGMA query_only = table_info',
    'PRAGMA "table_info"',
    'EXPLAIN PRAGMA query_only(0)',
    'EXPLAIN QUERY PLAN PRAGMA query_only(0)',
    "EXPLAIN ATTACH 'x' AS y",
    'BEGIN',
  ])('SQLite may never run %s', (statement) => {
    expect(() => requireReading(statement, 'sqlite')).toThrow(expect.objectContaining({ code: 'policy_denied' }));
    expect(() => requireWritable(statement, 'sqlite')).toThrow(expect.objectContaining({ code: 'policy_denied' }));
  });

  it('PostgreSQL may never COPY', () => {
    expect(() => requireWritable('COPY t FROM STDIN', 'postgresql')).toThrow(/COPY/);
    expect(requireWritable('INSERT INTO t VALUES (1)', 'postgresql')).toBeUndefined();
  });
});

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
