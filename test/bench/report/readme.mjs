import { isOwn } from '../targets.mjs';
import { machineText } from './machine.mjs';
import { callFigures, nameOf } from './report.mjs';
import { markdownTable, shown } from './table.mjs';

const LEVEL = 16;
/** Of those beside Tieline, for each transport. */
const MOST_OTHERS = 4;
const [BEGIN, END] = ['<!-- figures of npm run bench -->', '<!-- end of the figures -->'];

/** What README says of the speed: the ones that spend least beside Tieline, how much, where and when, and the targets. */
export function readmeSection(results, chart) {
  const { calls, targets, machine, rounds } = results;
  const rows = ['none', 'stdio', 'http'].flatMap((transport) =>
    shownOf(calls.filter((it) => it.transport === transport)),
  );
  const table = rows.map((row) => {
    const { cpu, times, perSecond, p50, p99 } = callFigures(row, calls, LEVEL);
    return [nameOf(row), shown(cpu), shown(times, 1), shown(perSecond), shown(p50, 1), shown(p99, 1)];
  });
  const missed = targets.filter((it) => !it.holds);
  return [
    `![CPU per tool call of all that were measured](${chart})`,
    '',
    markdownTable([['', 'CPU µs', '× bare request', 'calls/s', 'p50 ms', 'p99 ms'], ...table]),
    '',
    `At concurrency ${LEVEL}, medians of ${rounds} rounds in which all took turns, on ${machineText(machine)}.`,
    `Client, server and API share the machine. ${targets.length - missed.length} of ${targets.length} targets hold. These do not:`,
    '',
    ...missed.map((it) => `- ${it.what}${it.value === undefined ? ' was not measured' : verdict(it)}`),
    '',
  ].join('\n');
}

/** README with these figures in the place of the ones that are there. Throws where it has no place for them. */
export function withSection(text, section) {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`there is no ${BEGIN} before ${END}`);
  return `${text.slice(0, from + BEGIN.length)}\n\n${section}\n${text.slice(to)}`;
}

function shownOf(rows) {
  const cost = (row) => callFigures(row, rows, LEVEL).cpu;
  const byCost = rows.toSorted((a, b) => cost(a) - cost(b));
  const others = byCost.filter((it) => !isOwn(it)).slice(0, MOST_OTHERS);
  return byCost.filter((it) => isOwn(it) || others.includes(it));
}

const verdict = ({ value, most, least }) =>
  `: ${shown(value, 2)}, where ${most === undefined ? `at least ${least}` : `at most ${most}`} is wanted`;
