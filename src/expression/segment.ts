import { TielineError } from '../errors.ts';
import { type Scope, show } from './expression.ts';
import type { Scripts } from './sandbox.ts';
import { describe, type Expression, splitText, type TemplateFacts } from './text.ts';

export type PathTemplate = TemplateFacts & {
  /** @throws TielineError `arguments_invalid` when a value is no path segment, `expression_failed` */
  evaluate(scope: Scope, scripts?: Scripts): string;
};

/** What stands between two slashes of the template. */
type Segment = readonly (string | Expression)[];

/**
 * Compiles the path of a URL: `/repos/{{ args.owner }}/{{ args.repo }}`. Each expression is percent-encoded text inside
 * one segment; an array is several segments. What a value can never do is leave its place: add a segment, name the
 * parent folder or reach the query (CVE-2026-32871).
 * @throws TielineError `definition_invalid`
 */
export function compilePathTemplate(source: string): PathTemplate {
  const parts = splitText(source);
  const segments = splitSegments(parts);
  const problem = findProblem(segments);
  if (problem !== undefined) throw new TielineError('definition_invalid', `${problem}: ${source.slice(0, 200)}`);
  return {
    ...describe(parts.filter((part) => typeof part !== 'string')),
    evaluate: (scope, scripts) => segments.map((segment) => fill(segment, scope, scripts)).join('/'),
  };
}

function splitSegments(parts: readonly (string | Expression)[]): readonly Segment[] {
  const segments: (string | Expression)[][] = [[]];
  for (const part of parts) {
    const [first, ...more] = typeof part === 'string' ? part.split('/') : [part];
    if (first !== '') segments.at(-1)!.push(first!);
    for (const text of more) segments.push(text === '' ? [] : [text]);
  }
  return segments;
}

function findProblem(segments: readonly Segment[]): string | undefined {
  if (segments[0]!.length > 0) return 'a path begins with /';
  const texts = segments.flatMap((segment) => segment.filter((part) => typeof part === 'string'));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: URL parsers drop tabs and line breaks wherever they stand
  if (texts.some((text) => /[?#\\\u0000-\u001f\u007f]/.test(text)))
    return 'a path cannot hold ? # \\ or control characters';
  if (segments.some(([only, ...more]) => more.length === 0 && typeof only === 'string' && isDots(only))) {
    return 'a path cannot hold the segments . and ..';
  }
  return undefined;
}

function fill(segment: Segment, scope: Scope, scripts: Scripts | undefined): string {
  const last = segment.findLast((part) => typeof part !== 'string');
  const text = segment.map((part) => (typeof part === 'string' ? part : encode(part, scope, scripts))).join('');
  if (last === undefined) return text;
  for (const piece of text.split('/')) {
    if (piece === '') throw refuse(last, 'is empty');
    if (isDots(piece)) throw refuse(last, 'is . or ..');
  }
  return text;
}

/** Also `%2e`, which the URL standard takes for a dot; only the literal part of a segment can hold it. */
function isDots(segment: string): boolean {
  return /^(?:\.|%2e){1,2}$/i.test(segment);
}

function encode(expression: Expression, scope: Scope, scripts: Scripts | undefined): string {
  const value = expression.evaluate(scope, scripts);
  return Array.isArray(value)
    ? value.map((item: unknown) => encodeOne(item, expression)).join('/')
    : encodeOne(value, expression);
}

function encodeOne(value: unknown, expression: Expression): string {
  if (value === undefined || value === null) throw refuse(expression, 'is missing');
  const isText = typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
  if (!isText) throw refuse(expression, 'is not text');
  try {
    return encodeURIComponent(String(value));
  } catch {
    throw refuse(expression, 'is not well-formed Unicode'); // a lone surrogate
  }
}

function refuse(expression: Expression, reason: string): TielineError {
  return new TielineError('arguments_invalid', `${show(expression.source)} ${reason} and cannot be a path segment`);
}
