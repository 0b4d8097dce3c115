import { parseArgs } from 'node:util';

export const HELP = `npm run bench -- [options]

  --quick              under two minutes: one short round, fewer contenders and sizes; too short for figures to quote
  --rounds <n>         how often everybody has their turn; 5 by default
  --only <a,b>         contenders whose transport, name or revision holds one of these, such as tieline,floor
  --suites <a,b>       of: calls, starts, memory, lists, scale, users, storm, share, stores
  --json <file>        all that was measured, round by round
  --markdown <file>    the tables as Markdown
  --chart <file.svg>   CPU per call as a bar chart
  --readme <file>      the figures between the marks in a Markdown file, with the chart
  --from <file.json>   what a run before has measured, in place of a new one
  --main <file>        another build of Tieline than dist/main.js
  --help

Ends with 0 when every target holds, else with 1 and the list of those that do not. With --only or --suites, targets that
were not measured do not count.
`;

export const SUITES = ['calls', 'starts', 'memory', 'lists', 'scale', 'users', 'storm', 'share', 'stores'];

/** What was asked for. Throws an Error that says what is wrong with it. */
export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      only: { type: 'string' },
      suites: { type: 'string' },
      json: { type: 'string' },
      markdown: { type: 'string' },
      chart: { type: 'string' },
      readme: { type: 'string' },
      from: { type: 'string' },
      main: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const { quick, rounds = quick ? '1' : '5', only, suites, ...others } = values;
  if (!/^[1-9]\d*$/.test(rounds)) throw new Error(`--rounds is not a number: ${rounds}`);
  if (values.readme && !values.chart) throw new Error('--readme shows a chart, so --chart is needed');
  const chosen = suites?.split(',') ?? SUITES;
  const unknown = chosen.find((it) => !SUITES.includes(it));
  if (unknown !== undefined) throw new Error(`--suites has no ${unknown}; there are ${SUITES.join(', ')}`);
  return {
    ...others,
    quick,
    rounds: Number(rounds),
    suites: chosen,
    isPart: only !== undefined || suites !== undefined,
    isWanted: wanted(only),
    /** How long each load lasts, in milliseconds. */
    ms: quick ? 300 : 1_500,
    calls: quick ? 2_000 : 20_000,
    sizes: quick ? [1_000] : [10, 100, 1_000, 5_000],
  };
}

function wanted(only) {
  const parts = only?.toLowerCase().split(',');
  return ({ transport, name, era }) =>
    parts?.some((it) => `${transport} ${name} ${era}`.toLowerCase().includes(it)) ?? true;
}
