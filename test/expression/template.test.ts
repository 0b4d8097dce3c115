// biome-ignore-all lint/suspicious/noTemplateCurlyInString: template literals are what is tested
import { beforeAll, describe, expect, it } from 'vitest';
import { loadSandbox, Scripts } from '../../src/expression/sandbox.ts';
import { compileTemplate } from '../../src/expression/template.ts';

const scope = {
  args: { id: 7, name: 'Ann', flag: false, list: [1, 'b'], object: { x: { y: 1 } }, none: null, empty: '' },
};

function evaluate(source: unknown): unknown {
  const scripts = new Scripts();
  try {
    return compileTemplate(source).evaluate(scope, scripts);
  } finally {
    scripts.dispose();
  }
}

/** Before the sandbox is loaded, only the usual slips are found; these tests run first. */
describe('a template before the sandbox is loaded', () => {
  it.each([
    ['{{ args.id', 'missing }} in {{ args.id'],
    ['text {{ args.', 'missing }} in {{ args.'],
    ['{{ }}', 'the expression in {{ }} is empty'],
    ['{{}}', 'the expression in {{ }} is empty'],
    ['{{ args. }}', 'unexpected . in {{ args. }}'],
    ['{{ args.id + }}', 'the expression is not finished in {{ args.id + }}'],
    ['{{ args id }}', 'unexpected id in {{ args id }}'],
    ['{{ (args.id }}', 'unexpected } in {{ (args.id }}'],
    ["{{ 'open }}", "unexpected ' in {{ 'open }}"],
    [{ deep: ['{{ a b }}'] }, 'unexpected b in {{ a b }}'],
    [{ '{{ key }}': 1 }, 'a key cannot hold an expression: {{ key }}'],
    [{ date: new Date(0) }, 'a object is not a JSON value'],
    [[Number.NaN], 'a number is not a JSON value'],
  ])('%j is refused', (source, message) => {
    expect(() => compileTemplate(source)).toThrow(expect.objectContaining({ code: 'definition_invalid', message }));
  });

  it('evaluates paths', () => {
    expect(compileTemplate({ a: '{{ args.id }}', b: 'x{{ args.name }}' }).evaluate(scope)).toEqual({ a: 7, b: 'xAnn' });
  });

  it('says when it would need the sandbox', () => {
    const message = '{{ args.id + 1 }} needs the sandbox, and there is none here';
    expect(() => compileTemplate('{{ args.id + 1 }}').evaluate(scope)).toThrow(
      expect.objectContaining({ code: 'expression_failed', message }),
    );
  });

  it('does not go on for ever in a tree that holds itself', () => {
    const tree: unknown[] = [];
    tree.push(tree);
    expect(() => compileTemplate(tree)).toThrow(expect.objectContaining({ code: 'definition_invalid' }));
  });
});

describe('a template', () => {
  beforeAll(loadSandbox);

  it.each<[unknown, unknown]>([
    ['plain', 'plain'],
    ['', ''],
    ['{ {x} } }}', '{ {x} } }}'],
    [7, 7],
    [null, null],
    [undefined, undefined],
    ['{{ args.id }}', 7],
    ['{{args.id}}', 7],
    ['{{ args.flag }}', false],
    ['{{ args.list }}', [1, 'b']],
    ['{{ args.none }}', null],
    ['{{ args.missing }}', undefined],
    ['{{ args.list }}\n', [1, 'b']],
    [' {{ args.id }}', ' 7'],
    ['{{ args.id }}{{ args.flag }}', '7false'],
    ['n={{ args.name }}, l={{ args.list }}, o={{ args.object }}.', 'n=Ann, l=[1,"b"], o={"x":{"y":1}}.'],
    ['<{{ args.empty }}>', '<>'],
    ['<{{ args.none }}>', undefined],
    ['<{{ args.missing }}>', undefined],
    ["{{ '{{' }}", '{{'],
    ["{{ '{{' }} and {{ '}}' }}", '{{ and }}'],
    ['{{ {a:{b:1}} }}', { a: { b: 1 } }],
    ['{{{a:{b:1}}}}', { a: { b: 1 } }],
    ['{{ `a${`}}${args.id}`}b` }}!', 'a}}7b!'],
    ['{{ "}}" + \'}}\' /* }} */ + /}}/.source }}', '}}}}}}'],
    ['{{ args.list.map(x => x + 1) }}', [2, 'b1']],
    ['{{ args.object.x?.y ?? 0 }} {{ args.id > 5 ? "big" : "small" }}', '1 big'],
    [
      { a: '{{ args.missing }}', b: { c: '{{ args.missing }}' }, d: '{{ args.none }}' },
      { b: {}, d: null },
    ],
    [
      ['{{ args.missing }}', 1, ['{{ args.name }}'], '{{ args.none }}'],
      [1, ['Ann'], null],
    ],
    [
      { fixed: [1, { two: 2 }], open: '{{ args.id }}' },
      { fixed: [1, { two: 2 }], open: 7 },
    ],
    ['{{ args.list.push }}', undefined],
    ['{{ args.object.x.toString ?? 1 }}', undefined],
    ['{{ args.name.constructor.name }}', 'String'],
  ])('%j gives %j', (source, value) => {
    expect(evaluate(source)).toEqual(value);
  });

  it('keeps a key like __proto__ as data', () => {
    const made = evaluate(JSON.parse('{"__proto__": {"x": "{{ args.id }}"}, "b": "{{ args.id }}"}'));
    expect(JSON.stringify(made)).toBe('{"__proto__":{"x":7},"b":7}');
    expect(Object.getPrototypeOf(made)).toBe(Object.prototype);
  });

  it('without expressions is one frozen value, and leaves its source alone', () => {
    const source = { a: [1, { b: 'text' }] };
    const template = compileTemplate(source);
    const value = template.evaluate(scope) as typeof source;
    expect(value).toEqual(source);
    expect(template.evaluate({})).toBe(value);
    expect([value, value.a, value.a[1]].every(Object.isFrozen)).toBe(true);
    expect(Object.isFrozen(source)).toBe(false);
    expect(template).toMatchObject({ sandboxed: false, roots: new Set(), expressions: [] });
  });

  it('tells what it uses', () => {
    const source = { a: '{{ args.id }} {{ item?.x }}', b: ['{{ base64(settings.key) }}'] };
    expect(compileTemplate(source)).toMatchObject({
      sandboxed: true,
      roots: new Set(['args', 'item', 'settings']),
      expressions: ['args.id', 'item?.x', 'base64(settings.key)'],
    });
    expect(compileTemplate('{{ args.id ?? "x" }}').sandboxed).toBe(false);
  });

  it('finds every slip of syntax once the sandbox is loaded', () => {
    expect(() => compileTemplate('{{ 1 = args.id }}')).toThrow(
      expect.objectContaining({ code: 'definition_invalid', message: expect.stringContaining('{{ 1 = args.id }}') }),
    );
  });

  it('names the expression that failed', () => {
    expect(() => evaluate({ a: 'x {{ args.missing.id }}' })).toThrow(
      expect.objectContaining({
        code: 'expression_failed',
        message: 'cannot read "id" of undefined in {{ args.missing.id }}',
      }),
    );
  });
});
