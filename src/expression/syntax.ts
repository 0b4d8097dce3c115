import { isProperty, type Token } from './token.ts';

/** An open bracket: what it opens, and how many `?` in it still wait for their `:`. */
type Frame = { readonly kind: 'top' | 'group' | 'call' | 'array' | 'index' | 'object' | 'block'; waiting: number };

const PREFIX = new Set(['!', '~', '+', '-', '++', '--', '...', 'typeof', 'void', 'delete', 'new', 'await', 'yield']);
const BOTH = new Set(['+', '-', '++', '--']);
const WORD_OPERATOR = new Set(['in', 'instanceof']);
const MODIFIER = new Set(['get', 'set', 'async']);
const STATEMENT = new Set(
  'break case catch const continue debugger default do else enum export extends finally for if import return switch throw try var while with'.split(
    ' ',
  ),
);

/**
 * Finds the usual slips (`a.`, `a b`, `a +`, `a ? b`, a statement) without running anything: operands and operators
 * must alternate. It accepts all of JavaScript's expressions and some text that is none; QuickJS has the last word.
 * Bodies of functions in braces are not looked into.
 * @returns what is wrong, or undefined
 */
export function findSyntaxError(tokens: readonly Token[]): string | undefined {
  const frames: Frame[] = [{ kind: 'top', waiting: 0 }];
  let needOperand = true;
  let afterModifier = false; // between `get` and the name in { get name() {} }
  for (const [index, token] of tokens.entries()) {
    const { text } = token;
    const unexpected = `unexpected ${text}`;
    const frame = frames.at(-1)!;
    const before = tokens[index - 1]?.kind === 'mark' ? tokens[index - 1]!.text : '';
    const next = tokens[index + 1];
    const isKey: boolean = afterModifier || (frame.kind === 'object' && (before === '{' || before === ','));
    if (frame.kind === 'block') {
      if (text === '{' || text === '(' || text === '[') frames.push({ kind: 'block', waiting: 0 });
      else if (text === '}' || text === ')' || text === ']') frames.pop();
      needOperand = false;
    } else if (isProperty(tokens, index) && token.kind === 'name') {
      needOperand = false;
    } else if (token.kind !== 'mark') {
      const named = next?.text === '[' || next?.text === '*' || (next !== undefined && next.kind !== 'mark');
      afterModifier = isKey && !afterModifier && named && MODIFIER.has(text);
      if (afterModifier) continue;
      if (token.kind === 'name' && !isKey) {
        if (text === 'function' || text === 'class' || text === 'async') return undefined;
        if (STATEMENT.has(text)) return unexpected;
        if (WORD_OPERATOR.has(text)) {
          if (needOperand) return unexpected;
          needOperand = true;
          continue;
        }
        if (needOperand && PREFIX.has(text)) continue;
      }
      if (!needOperand) return unexpected;
      needOperand = false;
    } else if (text === '(' || text === '[') {
      afterModifier = false;
      if (text === '(') frames.push({ kind: needOperand ? 'group' : 'call', waiting: 0 });
      else frames.push({ kind: needOperand ? 'array' : 'index', waiting: 0 });
      needOperand = true;
    } else if (text === '{') {
      const method = before === ')' && frame.kind === 'object';
      if (!needOperand && !method) return unexpected;
      frames.push({ kind: method || before === '=>' ? 'block' : 'object', waiting: 0 });
      needOperand = true;
    } else if (text === ')' || text === ']' || text === '}') {
      const empty = before === '(' || before === '[' || before === '{';
      const mayBeEmpty = frame.kind !== 'index' && (frame.kind !== 'group' || next?.text === '=>');
      if (needOperand && !(mayBeEmpty && (empty || before === ','))) return unexpected;
      if (frame.waiting > 0) return 'a ? without its :';
      frames.pop();
      needOperand = false;
    } else if (text === '.' || text === '?.') {
      const follows = next?.kind === 'name' || (text === '?.' && (next?.text === '[' || next?.text === '('));
      if (needOperand || !follows) return unexpected;
    } else if (isKey && text === '*') {
      afterModifier = true;
    } else if (needOperand) {
      const hole = text === ',' && frame.kind === 'array';
      if (!hole && !PREFIX.has(text)) return unexpected;
    } else if (text === ':') {
      if (frame.waiting > 0) frame.waiting -= 1;
      else if (frame.kind !== 'object') return unexpected;
      needOperand = true;
    } else {
      if (text === ';' || (PREFIX.has(text) && !BOTH.has(text))) return unexpected;
      if (text === '?') frame.waiting += 1;
      needOperand = text !== '++' && text !== '--';
    }
  }
  if (needOperand) return 'the expression is not finished';
  return frames[0]!.waiting > 0 ? 'a ? without its :' : undefined;
}
