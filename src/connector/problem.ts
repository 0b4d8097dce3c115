import type { z } from 'zod';
import { TielineError } from '../errors.ts';
import type { Position } from './source.ts';

/** One thing wrong with a definition, and where. */
export type Problem = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly rule: string;
  readonly message: string;
};

/** Keys and indices that lead from the top of a definition to a part of it. */
export type Path = readonly (string | number)[];
export type Report = (path: Path, rule: string, message: string) => void;

export const formatProblem = (it: Problem): string => `${it.file}:${it.line}:${it.column} ${it.message} (${it.rule})`;

/** All problems as one failure: the first line counts them, each further line is one of them. */
export function definitionError(problems: readonly Problem[]): TielineError {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  return new TielineError(
    'definition_invalid',
    [`the definition has ${count}:`, ...problems.map(formatProblem)].join('\n'),
    {
      hint: 'Correct the file, then check it with: tieline connectors lint <file>',
    },
  );
}

/** The same before its place in the text is looked up. */
export type Found = {
  readonly path: readonly PropertyKey[];
  readonly part: 'key' | 'value';
  readonly message: string;
};

/** zod's findings about `value` in the words of somebody who writes YAML. `keysAt` lists the keys allowed at a path. */
export function explain(
  error: z.ZodError,
  value: unknown,
  keysAt: (path: readonly PropertyKey[]) => readonly string[],
): Found[] {
  const found: Found[] = [];
  const visit = (issue: z.core.$ZodIssue, base: readonly PropertyKey[]): void => {
    const path = [...base, ...issue.path];
    const meant = issue.code === 'invalid_union' ? issue.errors.find((branch) => !branch.some(isOtherKind)) : undefined;
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        found.push({
          path: [...path, key],
          part: 'key',
          message: `unknown key \`${key}\`${didYouMean(key, keysAt(path))}`,
        });
      }
    } else if (meant) {
      for (const inner of meant) visit(inner, path);
    } else {
      const part = issue.code === 'invalid_key' ? 'key' : 'value';
      const missing = path.length > 0 && valueAt(value, path) === undefined ? ' is missing' : '';
      found.push({ path, part, message: `${nameOf(path)}${missing}: ${expectation(issue)}` });
    }
  };
  for (const issue of error.issues) visit(issue, []);
  return found;
}

export const nameOf = (path: readonly PropertyKey[]): string =>
  path.length === 0 ? 'the file' : `\`${path.join('.')}\``;

/** The end of a message about an unknown word. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const near = nearest(word, candidates);
  return near === undefined ? '' : `; did you mean \`${near}\`?`;
}

/** A branch of a union fails so when the value is of another kind than the branch takes, a list instead of a text. */
const isOtherKind = (issue: z.core.$ZodIssue): boolean =>
  issue.path.length === 0 &&
  (issue.code === 'invalid_type' || issue.code === 'invalid_value' || issue.code === 'invalid_union');

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_key') return issue.issues.map(expectation).join(', ');
  if (issue.code !== 'invalid_union') {
    return issue.message.replace(/^Invalid (input|option|string): /, '').replace(/, received undefined$/, '');
  }
  if ('options' in issue && issue.options)
    return `expected one of ${issue.options.map((it) => `"${String(it)}"`).join('|')}`;
  const kinds = issue.errors.flat().map(
    (it) =>
      expectation(it)
        .replace(/^expected (one of )?/, '')
        .split(', received ', 1)[0],
  );
  return `expected ${[...new Set(kinds)].join(' or ')}`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let inner = value;
  for (const name of path) {
    if (inner === null || typeof inner !== 'object' || !Object.hasOwn(inner, name)) return undefined;
    inner = (inner as Record<PropertyKey, unknown>)[name];
  }
  return inner;
}

export const at = (file: string, position: Position, rule: string, message: string): Problem => ({
  file,
  line: position.line,
  column: position.column,
  rule,
  message,
});

/** Problems in the order in which a reader of the file meets them. */
export const inOrder = (problems: readonly Problem[]): Problem[] =>
  [...problems].sort((a, b) => a.line - b.line || a.column - b.column);

/** The candidate that a slip of the finger could have turned into `word`. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3));
  let best: string | undefined;
  let fewest = limit + 1;
  for (const candidate of candidates) {
    const edits = distance(word.toLowerCase(), candidate.toLowerCase());
    if (edits < fewest) [best, fewest] = [candidate, edits];
  }
  return best;
}

/** Edits from one word to the other: letters added, dropped, changed, or swapped with their neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) next[j] = Math.min(next[j]!, before[j - 2]! + 1);
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
