import { inspect } from 'node:util';
import { scrub } from './secret.ts';

type Level = 'debug' | 'info' | 'warn' | 'error';

const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error'];

/** One line to stderr: in stdio mode stdout belongs to the protocol. Every line is scrubbed as a whole, last of all. */
function write(level: Level, message: string, facts: Readonly<Record<string, unknown>> = {}): void {
  const least = LEVELS.indexOf((process.env.TIELINE_LOG ?? 'info') as Level);
  if (LEVELS.indexOf(level) < Math.max(0, least)) return;
  const details = Object.entries(facts).map(([name, value]) => `${name}=${show(value)}`);
  process.stderr.write(`${scrub([new Date().toISOString(), level, message, ...details].join(' '))}\n`);
}

function show(value: unknown): string {
  if (value instanceof Error)
    return inspect(value, { depth: 3, breakLength: Number.POSITIVE_INFINITY }).replaceAll('\n', ' | ');
  return typeof value === 'string'
    ? JSON.stringify(value)
    : inspect(value, { depth: 3, breakLength: Number.POSITIVE_INFINITY });
}

export const log = {
  debug: (message: string, facts?: Readonly<Record<string, unknown>>) => write('debug', message, facts),
  info: (message: string, facts?: Readonly<Record<string, unknown>>) => write('info', message, facts),
  warn: (message: string, facts?: Readonly<Record<string, unknown>>) => write('warn', message, facts),
  error: (message: string, facts?: Readonly<Record<string, unknown>>) => write('error', message, facts),
};
