import { inspect } from 'node:util';
import { scrub } from './secret.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

type Level = (typeof LEVELS)[number];
type Facts = Readonly<Record<string, unknown>>;

/** One line to stderr: in stdio mode stdout belongs to the protocol. `TIELINE_LOG` is the least level, info by default. */
function write(level: Level, message: string, facts: Facts = {}): void {
  const least = LEVELS.find((it) => it === process.env.TIELINE_LOG) ?? 'info';
  if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return;
  const details = Object.entries(facts).flatMap(([name, value]) =>
    value === undefined ? [] : `${name}=${show(value)}`,
  );
  // Scrubbed while it still has its line breaks: a secret of several lines would not be known without them.
  const line = oneLine(scrub([new Date().toISOString(), level, message, ...details].join(' ')));
  process.stderr.write(`${line}\n`);
}

const show = (value: unknown): string =>
  typeof value === 'string'
    ? JSON.stringify(value)
    : inspect(value, { depth: 3, breakLength: Number.POSITIVE_INFINITY });

/** What a provider or a file says must neither look like another log line nor drive a terminal (CWE-117). */
const oneLine = (text: string): string => visible(text.replace(/\s*[\r\n\u2028\u2029]+\s*/g, ' | '));

/** The text without control characters, other than line breaks and tabs: it is about to be shown at a terminal. */
export const visible = (text: string): string => text.replace(/[^\P{Cc}\n\t]/gu, '\uFFFD');

export const log = {
  debug: (message: string, facts?: Facts) => write('debug', message, facts),
  info: (message: string, facts?: Facts) => write('info', message, facts),
  warn: (message: string, facts?: Facts) => write('warn', message, facts),
  error: (message: string, facts?: Facts) => write('error', message, facts),
};
