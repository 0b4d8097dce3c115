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

export const formatProblem = (it: Problem): string =>
  `${it.file}:${it.line}:${it.column} ${it.message} (${it.rule})`;

/** All problems as one failure: the first line counts them, each further line is one of them. */
export function definitionError(problems: readonly Problem[]): TielineError {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  return new TielineError('definition_invalid', [`the definition has ${count}:`, ...problems.map(formatProblem)].join('\n'), {
    hint: 'Correct the file, then check it with: tieline connectors lint <file>',
  });
}

type Found = { readonly path: readonly PropertyKey[]; readonly part: 'key' | 'value'; readonly message: string };

/** zod's findings in the words of somebody who writes YAML. `keysAt` lists the keys allowed at a path. */
export function explain(error: z.ZodError, keysAt: (path: readonly PropertyKey[]) => readonly string[]): Found[] {
  const found: Found[] = [];
  const visit = (issue: z.core.$ZodIssue, base: readonly PropertyKey[]): void => {
    const path = [...base, ...issue.path];
    const name = path.length === 0 ? 'the file' : `\`${path.join('.')}\``;
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        const near = nearest(key, keysAt(path));
        const known = near ? `; did you mean \`${near}\`?` : '';
        found.push({ path: [...path, key], part: 'key', message: `unknown key \`${key}\`${known}` });
      }
    } else if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      // The branch that got furthest is the one the author meant.
      const depth = (issues: readonly z.core.$ZodIssue[]) => Math.max(0, ...issues.map((it) => it.path.length));
      const meant = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0] ?? [];
      for (const inner of meant) visit(inner, path);
    } else {
      const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
      const message = missing ? `${name} is missing` : `${name}: ${issue.message.replace(/^Invalid input: /, '')}`;
      found.push({ path, part: 'value', message });
    }
  };
  for (const issue of error.issues) visit(issue, []);
  return found;
}

export const at = (file: string, position: Position, rule: string, message: string): Problem => ({
  file,
  line: position.line,
  column: position.column,
  rule,
  message,
});

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

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
