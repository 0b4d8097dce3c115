import { inspect } from 'node:util';
import { isTielineError, TielineError } from '../errors.ts';
import { visible, visibleJson } from '../label.ts';
import { withoutTokens } from '../tokenshape.ts';

/** Exit codes: done, failed, wrong usage. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

const USAGE = new Set(['usage', 'arguments_invalid', 'connector_unknown', 'action_unknown', 'integration_unknown']);

/** Prints a value: as JSON for programs, else as the text that `render` makes for people. */
export function print<T>(value: T, json: boolean | undefined, render: (value: T) => string): void {
  show(json ? visibleJson(withoutTokens(JSON.stringify(value, null, 2))) : visible(withoutTokens(render(value))));
}

/** The same for a value with a secret that is shown this once, which no other output may show. */
export function printSecret<T>(value: T, json: boolean | undefined, render: (value: T) => string): void {
  show(json ? visibleJson(JSON.stringify(value, null, 2)) : visible(render(value)));
}

const show = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** More lines of one failure than these scroll its beginning away. */
const MOST_LINES = 20;

/** Tells a failure to a person or a program, and gives the exit code for it. */
export function fail(error: unknown, json: boolean | undefined): number {
  const known = isTielineError(error) ? error : new TielineError('internal', 'Tieline failed', { cause: error });
  const { code, message, hint, retryAfter } = known;
  if (known !== error) process.stderr.write(`${visible(withoutTokens(inspect(error)))}\n`);
  if (json) print({ error: { code, message, hint, retryAfter } }, true, () => '');
  else if (known === error) process.stderr.write(`tieline: ${visible(withoutTokens(told(known)))}\n`);
  return USAGE.has(code) ? EXIT.usage : EXIT.failed;
}

/** What happened in the first line, its details and the next step below. */
export function told({ code, message, hint, retryAfter }: TielineError): string {
  const [first = '', ...rest] = message.split('\n');
  const more = rest.length > MOST_LINES ? [`… and ${rest.length - MOST_LINES} more`] : [];
  const wait = retryAfter === undefined ? undefined : `Try again in ${retryAfter} s.`;
  const details = [...rest.slice(0, MOST_LINES), ...more, hint, wait].filter((it) => it !== undefined);
  return [`${first.replace(/:$/, '')} [${code}]`, ...details].join('\n  ');
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
