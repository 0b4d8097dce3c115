import { TielineError } from '../errors.ts';
import { isEngineLoaded } from './engine.ts';
import { analyse, type Scope, show } from './expression.ts';
import { compilePath, UNDECIDED } from './path.ts';
import { Scripts } from './sandbox.ts';
import { findSyntaxError } from './syntax.ts';
import { readTokens } from './token.ts';

/** What both kinds of template tell about the expressions in them. */
export type TemplateFacts = {
  /** True when some expression needs `Scripts`, and so `loadSandbox` before. */
  readonly sandboxed: boolean;
  /** The names taken from the scope, functions of the connector among them. */
  readonly roots: ReadonlySet<string>;
  /** The expressions as written, without braces. */
  readonly expressions: readonly string[];
};

/** One expression of a template, ready to run: as a getter where it is a path, else in the sandbox. */
export type Expression = {
  readonly source: string;
  readonly roots: ReadonlySet<string>;
  readonly sandboxed: boolean;
  evaluate(scope: Scope, scripts?: Scripts): unknown;
};

export function describe(expressions: readonly Expression[]): TemplateFacts {
  return {
    sandboxed: expressions.some(({ sandboxed }) => sandboxed),
    roots: new Set(expressions.flatMap(({ roots }) => [...roots])),
    expressions: expressions.map(({ source }) => source),
  };
}

/** The literal and the evaluated parts of a text, in order. @throws TielineError `definition_invalid` */
export function splitText(source: string): readonly (string | Expression)[] {
  const parts: (string | Expression)[] = [];
  let at = 0;
  for (;;) {
    const open = source.indexOf('{{', at);
    const literal = source.slice(at, open < 0 ? undefined : open);
    if (literal !== '') parts.push(literal);
    if (open < 0) return parts;
    let end: number;
    try {
      end = readTokens(source, open + 2, '}}').end;
    } catch (error) {
      throw invalid(source.slice(open, open + 200), error);
    }
    parts.push(compileExpression(source.slice(open + 2, end).trim()));
    at = end + 2;
  }
}

function compileExpression(source: string): Expression {
  if (source === '') throw new TielineError('definition_invalid', 'the expression in {{ }} is empty');
  const { tokens, roots } = analyse(source);
  const getter = compilePath(source);
  const reason = getter ? undefined : findSyntaxError(tokens);
  if (reason !== undefined) throw invalid(show(source), new SyntaxError(reason));
  if (getter === undefined && isEngineLoaded()) checkInSandbox(source);
  return {
    source,
    roots,
    sandboxed: getter === undefined,
    evaluate(scope, scripts) {
      const value = getter ? getter(scope) : UNDECIDED;
      if (value !== UNDECIDED) return value;
      if (scripts) return scripts.evaluate(source, scope);
      throw new TielineError('expression_failed', `${show(source)} needs the sandbox, and there is none here`);
    },
  };
}

function checkInSandbox(source: string): void {
  const scripts = new Scripts();
  try {
    scripts.parse(source);
  } catch (error) {
    throw new TielineError('definition_invalid', error instanceof Error ? error.message : show(source));
  } finally {
    scripts.dispose();
  }
}

function invalid(text: string, error: unknown): TielineError {
  const reason = error instanceof Error ? error.message : 'syntax error';
  return new TielineError('definition_invalid', `${reason} in ${text}`);
}
