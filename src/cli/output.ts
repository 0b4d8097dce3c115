import { inspect } from 'node:util';
import { isTielineError } from '../errors.ts';
import { scrub } from '../secret.ts';

/** Exit codes: done, failed, wrong usage. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

const USAGE = new Set(['usage', 'arguments_invalid', 'connector_unknown', 'action_unknown', 'integration_unknown']);

/** Prints a value: as JSON for programs, else as the text that `render` makes for people. */
export function print<T>(value: T, json: boolean | undefined, render: (value: T) => string): void {
  process.stdout.write(`${scrub(json ? JSON.stringify(value, null, 2) : render(value))}\n`);
}

/** Tells a failure to a person or a program, and gives the exit code for it. */
export function fail(error: unknown, json: boolean | undefined): number {
  if (!isTielineError(error)) {
    process.stderr.write(`${scrub(inspect(error))}\n`);
    return EXIT.failed;
  }
  const { code, message, hint, retryAfter } = error;
  if (json) process.stdout.write(`${scrub(JSON.stringify({ error: { code, message, hint, retryAfter } }, null, 2))}\n`);
  else process.stderr.write(`${scrub(`tieline: ${message} [${code}]${hint === undefined ? '' : `\n  ${hint}`}`)}\n`);
  return USAGE.has(code) ? EXIT.usage : EXIT.failed;
}

/** Columns under headings, as wide as their longest cell. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((it, i) => Math.max(it.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((it, i) => (i === cells.length - 1 ? it : it.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(headings), ...rows.map(line)].join('\n');
}
