import { FAULT_NAMES } from '../sandbox/faulty/faults.ts';
import { callsTold, SCENARIOS } from './faultscenarios.ts';
import type { FaultSeen } from './faultstory.ts';

const widest = (texts: readonly string[]): number => Math.max(...texts.map((it) => it.length));

const scenarios = Object.values(SCENARIOS);
const WIDTHS = [
  widest(FAULT_NAMES),
  widest(scenarios.map((it) => it.provider)),
  widest(scenarios.map((it) => callsTold(it.expected.calls))),
  'REFRESHES'.length,
] as const;

const row = (cells: readonly string[]): string => cells.map((it, i) => it.padEnd(WIDTHS[i] ?? 0)).join('  ');

export const HEADINGS = row(['FAULT', 'THE PROVIDER', 'THE CALLER GOT', 'REFRESHES', 'THE ACCOUNT IS']);

/** Below the cells, past the clock. */
const INDENT = `\n${' '.repeat(13)}`;

/** The line of the table about one fault; below it why the account is not active, and what is not as it should be. */
export function lineOf({ fault, provider, calls, asked, during, after, problems }: FaultSeen): string {
  const status = during.status === after.status ? after.status : `${during.status}, then ${after.status}`;
  const line = row([fault, provider, callsTold(calls.map((it) => it.got)), String(asked), status]);
  return [line, ...(after.cause === undefined ? [] : [after.cause]), ...problems].join(INDENT);
}
