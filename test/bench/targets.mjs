import { LEGACY, MODERN } from './drive/protocol.mjs';
import { median, ratio } from './report/stats.mjs';

const STDIO = { name: 'Tieline', transport: 'stdio', era: MODERN };
const STDIO_LEGACY = { ...STDIO, era: LEGACY };
const HTTP = { ...STDIO, transport: 'http' };
const HTTP_LEGACY = { ...HTTP, era: LEGACY };
const FLOOR = { name: 'floor' };
const BARE = { name: 'SDK Server', era: MODERN };

/**
 * What Tieline promises of its speed: each `{ what, most | least, of(results) }`, where `of` gives the figure, or
 * undefined where the run did not measure it. Figures are medians of one run, and ratios of what it measured side by side.
 */
export const TARGETS = [
  ...[16, 64].flatMap((level) => [
    {
      what: `CPU per call over stdio at concurrency ${level}, against the bare request`,
      most: 1.5,
      of: ({ calls }) => worst([STDIO, STDIO_LEGACY].map((it) => against(calls, it, FLOOR, level, 'cpu'))),
    },
    {
      what: `CPU per call over HTTP (${MODERN}) at concurrency ${level}, against the bare request`,
      most: 2,
      of: ({ calls }) => against(calls, HTTP, FLOOR, level, 'cpu'),
    },
    {
      what: `CPU per call over HTTP (${LEGACY}) at concurrency ${level}, against the bare request`,
      most: 2.5,
      of: ({ calls }) => against(calls, HTTP_LEGACY, FLOOR, level, 'cpu'),
    },
  ]),
  {
    what: 'calls per second over stdio at concurrency 16, against the fastest other server',
    least: 1.5,
    of: ({ calls }) => againstFastest(calls, STDIO),
  },
  {
    what: 'calls per second over HTTP at concurrency 16, against the fastest other server',
    least: 1.5,
    of: ({ calls }) => againstFastest(calls, HTTP),
  },
  {
    what: 'p99 over stdio at concurrency 16, against the bare request',
    most: 3,
    of: ({ calls }) => worst([STDIO, STDIO_LEGACY].map((it) => against(calls, it, FLOOR, 16, 'p99'))),
  },
  {
    what: 'p99 over HTTP at concurrency 16, against the bare request',
    most: 3,
    of: ({ calls }) => against(calls, HTTP, FLOOR, 16, 'p99'),
  },
  {
    what: 'CPU of tools/list with 1,000 tools over HTTP, in milliseconds',
    most: 0.6,
    of: ({ lists }) => listCpu(lists, { ...HTTP, tools: 1_000 }) / 1_000,
  },
  {
    what: 'CPU of tools/list for the thousandth user, against the first',
    most: 1.1,
    of: ({ userLists }) => ratio(...['thousandth', 'first'].map((user) => userCpu(userLists, user))),
  },
  {
    what: 'start to first tools/list with all shipped connectors, against the bare SDK with one tool',
    most: 1.1,
    of: ({ starts }) => {
      const [ours, theirs] = [STDIO, { ...BARE, transport: 'stdio' }].map((it) => find(starts, it)?.starts);
      return ours && theirs && ratio(...[ours, theirs].map((rounds) => rounds.map((it) => it?.ms)));
    },
  },
  ...[STDIO, HTTP].flatMap((it) => [
    {
      what: `memory over ${it.transport} with 1,000 tools and 10,000 integrations after the calls, against the bare SDK`,
      most: 1.3,
      of: ({ memory }) => find(memory, it)?.afterMiB / find(memory, { ...BARE, transport: it.transport })?.afterMiB,
    },
    {
      what: `memory over ${it.transport} after the second half of the calls, against after the first`,
      most: 1.1,
      of: ({ memory }) => find(memory, it)?.afterMiB / find(memory, it)?.halfMiB,
    },
  ]),
  {
    what: 'share of resolving the account and opening its credential in the CPU of a call over stdio',
    most: 0.15,
    of: ({ share = [], calls }) => median(share) / median(series(find(calls, STDIO), 16, 'cpu')),
  },
  ...[STDIO, HTTP].flatMap((it) => [
    {
      what: `CPU per call over ${it.transport} with 5,000 tools, against 10`,
      most: 1.1,
      of: ({ scale }) => scaled(scale, it, { tools: 5_000, integrations: 1 }, { tools: 10, integrations: 1 }),
    },
    {
      what: `CPU per call over ${it.transport} with 10,000 integrations of one user, against 1`,
      most: 1.1,
      of: ({ scale }) => scaled(scale, it, { tools: 10, integrations: 10_000 }, { tools: 10, integrations: 1 }),
    },
  ]),
  {
    what: 'CPU per call over HTTP with 10,000 integrations of 1,000 users who take turns, against 1 of one',
    most: 1.1,
    of: ({ scale }) =>
      scaled(scale, HTTP, { tools: 10, integrations: 10, users: 1_000 }, { tools: 10, integrations: 1 }),
  },
];

/** Each target with its `value` and whether it `holds`; both undefined for what was not measured. */
export function judge(results, targets = TARGETS) {
  return targets.map(({ what, most, least, of }) => {
    const value = of(results);
    const limit = most === undefined ? { least } : { most };
    if (value === undefined || Number.isNaN(value)) return { what, ...limit };
    return { what, ...limit, value, holds: most === undefined ? value >= least : value <= most };
  });
}

function find(rows = [], { name, transport, era, ...size }) {
  return rows.find(
    (it) =>
      it.name === name &&
      (transport === undefined || it.transport === transport) &&
      (era === undefined || it.era === era) &&
      Object.entries(size).every(([key, value]) => it.size?.[key] === value),
  );
}

/** What one figure was, round by round. */
const series = (row, level, figure) => row?.levels[level]?.map((it) => it?.[figure]) ?? [];

/** Whether it is Tieline, however it is called upon. */
export const isOwn = ({ name }) => name.startsWith('Tieline');

const against = (rows, one, other, level, figure) =>
  ratio(...[one, other].map((it) => series(find(rows, it), level, figure)));

/** The largest; NaN if one was not measured. */
const worst = (numbers) => Math.max(...numbers);

function againstFastest(rows = [], one) {
  const others = rows.filter((it) => it.transport === one.transport && !isOwn(it));
  const mine = series(find(rows, one), 16, 'perSecond');
  const ratios = others.map((it) => ratio(mine, series(it, 16, 'perSecond')));
  return ratios.length === 0 ? undefined : Math.min(...ratios);
}

const listCpu = (rows, wanted) => median(find(rows, wanted)?.seen.map((it) => it.cpu) ?? []);

const userCpu = (rows, user) => find(rows, { ...HTTP, user })?.seen.map((it) => it.cpu) ?? [];

function scaled(rows = [], contender, large, small) {
  const users = (size) => ({ users: 1, ...size });
  return ratio(...[large, small].map((size) => series(find(rows, { ...contender, ...users(size) }), 16, 'cpu')));
}
