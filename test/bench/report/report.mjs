import { LEGACY, MODERN } from '../drive/protocol.mjs';
import { isOwn } from '../targets.mjs';
import { barChart } from './chart.mjs';
import { machineText } from './machine.mjs';
import { median, ratio } from './stats.mjs';
import { shown } from './table.mjs';

const TRANSPORTS = { none: 'direct', stdio: 'stdio', http: 'HTTP' };
const figures = (rounds, figure) => (rounds ?? []).map((it) => it?.[figure]);
const middle = (rounds, figure) => median(figures(rounds, figure).filter((it) => it !== undefined));
export const nameOf = ({ name, transport, era }) =>
  [name === 'floor' ? 'bare request (floor)' : name, TRANSPORTS[transport], era].filter(Boolean).join(', ');
const sizeOf = ({ size }) =>
  Object.entries(size)
    .map(([what, count]) => `${shown(count)} ${what}`)
    .join(', ');

/** All that was measured as tables: `[{ title, rows }]`, the first row of each its head. */
export function tablesOf(results) {
  const made = [
    callTable('Calls', results.calls),
    startTable(results.starts),
    memoryTable(results.memory),
    listTable(results.lists),
    callTable('Tieline with more in it', results.scale, sizeOf),
    callTable('Tieline on other stores', results.stores, (it) => it.size.store),
    singleTable(results),
    leftOutTable(results.leftOut),
    targetTable(results.targets),
  ];
  return made.filter((it) => it && it.rows.length > 1);
}

function callTable(title, rows = [], more) {
  const levels = Object.keys(rows[0]?.levels ?? {});
  const floor = rows.find((it) => it.name === 'floor');
  const head = levels.flatMap((it) => [`CPU µs c${it}`, ...(floor ? ['× floor'] : []), 'calls/s', 'p50 ms', 'p99 ms']);
  const body = rows.map((row) => [
    more ? `${nameOf(row)}, ${more(row)}` : nameOf(row),
    ...levels.flatMap((level) => {
      const { cpu, times, perSecond, p50, p99 } = callFigures(row, rows, level);
      return [shown(cpu), ...(floor ? [shown(times, 2)] : []), shown(perSecond), shown(p50, 2), shown(p99, 2)];
    }),
  ]);
  return { title, rows: [['', ...head], ...body] };
}

/** Medians of one contender at a concurrency; `times` is its CPU against that of the bare request, if that is among `rows`. */
export function callFigures(row, rows, level) {
  const rounds = row.levels[level];
  const floor = rows.find((it) => it.name === 'floor');
  return {
    ...Object.fromEntries(['cpu', 'perSecond', 'p50', 'p99'].map((it) => [it, middle(rounds, it)])),
    times: floor && ratio(figures(rounds, 'cpu'), figures(floor.levels[level], 'cpu')),
  };
}

function startTable(rows = []) {
  const body = rows.map((row) => [
    nameOf(row),
    ...['ms', 'cpuMs', 'firstCallMs', 'idleMiB'].map((it) => shown(middle(row.starts, it))),
  ]);
  return {
    title: 'Start to the first tools/list',
    rows: [['', 'ms', 'CPU ms', 'first call ms', 'idle MiB'], ...body],
  };
}

function memoryTable(rows = []) {
  const body = rows.map((row) => [nameOf(row), ...['idleMiB', 'halfMiB', 'afterMiB'].map((it) => shown(row[it]))]);
  return { title: 'Memory', rows: [['', 'idle MiB', 'after half of the calls', 'after all'], ...body] };
}

function listTable(rows = []) {
  const body = rows.map((row) => [
    `${nameOf(row)}, ${sizeOf(row)}`,
    shown(middle(row.seen, 'bytes')),
    shown(middle(row.seen, 'ms'), 2),
    shown(middle(row.seen, 'cpu')),
  ]);
  return { title: 'tools/list', rows: [['', 'bytes', 'p50 ms', 'CPU µs'], ...body] };
}

function singleTable({ storm = [], share = [], userLists = [] }) {
  const rows = [
    ['p99 ms at concurrency 64, quiet', shown(median(storm.map((it) => it.quiet.p99)), 1), storm],
    ['p99 ms while the token ends twice a second', shown(median(storm.map((it) => it.stormy.p99)), 1), storm],
    ['refreshes in that time', shown(median(storm.map((it) => it.refreshes))), storm],
    ['CPU µs to resolve the account and open its credential', shown(median(share), 1), share],
    ...userLists.map((it) => [`CPU µs of tools/list for the ${it.size.user} user`, shown(middle(it.seen, 'cpu')), [1]]),
  ];
  const measured = rows.filter(([, , seen]) => seen.length > 0).map(([what, value]) => [what, value]);
  return { title: 'Tieline alone', rows: [['', 'median'], ...measured] };
}

const leftOutTable = (rows = []) => ({
  title: 'Left out',
  rows: [['', 'why'], ...rows.map(({ what, why }) => [what, why.split('\n')[0].slice(0, 160)])],
});

const VERDICTS = { true: 'holds', false: 'MISSED', undefined: 'not measured' };

const targetTable = (rows = []) => ({
  title: 'Targets',
  rows: [
    ['', 'target', 'measured', ''],
    ...rows.map(({ what, most, least, value, holds }) => [
      what,
      most === undefined ? `≥ ${least}` : `≤ ${most}`,
      shown(value, 2),
      VERDICTS[holds],
    ]),
  ],
});

/** CPU per call at concurrency 16, least first, one group for each transport. */
export function chartOf({ calls = [], machine }) {
  const floor = calls.filter((it) => it.name === 'floor');
  const bars = (transport) =>
    [...floor, ...calls.filter((it) => it.transport === transport)]
      .map((row) => ({
        label: row.name === 'floor' ? 'bare request' : `${row.name} ${eraOf(row)}`,
        value: middle(row.levels[16], 'cpu'),
        kind: row.name === 'floor' ? 'floor' : isOwn(row) ? 'own' : 'other',
      }))
      .sort((a, b) => a.value - b.value);
  const groups = [
    { title: 'stdio', bars: bars('stdio') },
    { title: 'Streamable HTTP', bars: bars('http') },
  ];
  return barChart({ title: 'CPU per tool call at concurrency 16', note: machineText(machine), groups, unit: 'µs' });
}

const eraOf = ({ era }) => ({ [MODERN]: '2026', [LEGACY]: '2025' })[era] ?? era;
