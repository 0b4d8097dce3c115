/**
 * npm run faults [-- --json] [-- --only NAME] [-- --list] [-- --all]
 *
 * Lets the world fail around `tieline serve`: stores that restart, break, say nothing or are emptied, full disks, clocks
 * that are off, providers that hang, processes that are killed and replaced. Each fault has servers and ports of its own
 * and a bounded time. Prints what callers were told, what was lost (nothing may be) and how long it took to heal. Exits
 * with 0 only if every expectation holds. Without `--all` those are left out that take longest. Runs the built program.
 */
import { parseArgs } from 'node:util';
import { drive } from './drive.mjs';
import { PROCESS_FAULTS } from './processes.mjs';
import { PROVIDER_FAULTS } from './providers.mjs';
import { startPostgres, startRedis } from './services.mjs';
import { openStage } from './stage.mjs';
import { STORE_FAULTS } from './stores.mjs';

const { json, only, list, all } = parseArgs({
  options: {
    json: { type: 'boolean' },
    only: { type: 'string' },
    list: { type: 'boolean' },
    all: { type: 'boolean' },
  },
}).values;
const FAULTS = [...STORE_FAULTS, ...PROCESS_FAULTS, ...PROVIDER_FAULTS];
const wanted = FAULTS.filter((it) => (only === undefined ? all || !it.isLong : it.name.includes(only)));
if (wanted.length === 0) {
  process.stderr.write(`there is no fault "${only}"; see: npm run faults -- --list\n`);
  process.exit(2);
}
if (list) {
  for (const { name, expects } of wanted) process.stdout.write(`${name}: ${expects}\n`);
  process.exit(0);
}

const rows = [];
for (const fault of wanted) {
  let row = await tried(fault);
  // Real processes on a busy machine can be late, as tests can: once more, and told.
  if (!row.ok) row = { ...(await tried(fault)), before: row.problems };
  rows.push(row);
  if (!json) process.stdout.write(lineOf(row));
}
const failed = rows.filter((it) => !it.ok);
if (json) process.stdout.write(`${JSON.stringify({ ok: failed.length === 0, faults: rows }, null, 2)}\n`);
else process.stdout.write(`\n${rows.length} faults, ${failed.length} not as expected\n`);
process.exitCode = failed.length === 0 ? 0 : 1;

async function tried(fault) {
  const { name, expects, service, most = {} } = fault;
  const started = performance.now();
  const services = { postgres: startPostgres, redis: startRedis };
  const store = service && (await services[service]());
  if (service && !store) return { name, expects, ok: true, problems: [], skipped: `${service} is not installed` };
  let stage;
  try {
    if (fault.check) {
      const { text, problems } = await fault.check({ store, openStage });
      return row(name, expects, problems, { text, ms: performance.now() - started });
    }
    stage = await openStage({ store: store?.url, ...fault.stage });
    stage.store = store;
    const result = await drive(stage, fault.run, fault.drive);
    const problems = problemsOf(result, {
      healMs: 20_000,
      longestMs: 58_000,
      lost: result.detail?.mayBeLost ?? 0,
      twice: 0,
      ...most,
    });
    for (const code of fault.never ?? ['internal', 'client_timeout']) {
      if (result.told[code]) problems.push(`${result.told[code]} callers were told ${code}`);
    }
    problems.push(...(result.detail?.problems ?? []));
    return row(name, expects, problems, { ...result, text: textOf(result), ms: performance.now() - started });
  } catch (error) {
    return row(name, expects, [String(error.stack ?? error)], { ms: performance.now() - started });
  } finally {
    await stage?.close();
    await store?.close();
  }
}

function row(name, expects, problems, more) {
  return { name, expects, ok: problems.length === 0, problems, ...more };
}

function problemsOf(result, most) {
  const problems = [];
  if (result.lost > most.lost) problems.push(`${result.lost} accounts were lost`);
  if (result.twice > most.twice) problems.push(`${result.twice} things were written twice`);
  if (result.healMs === undefined) problems.push(`${result.unhealed} accounts did not serve again`);
  else if (result.healMs > most.healMs) problems.push(`it took ${seconds(result.healMs)} to heal`);
  if (result.longestMs > most.longestMs) problems.push(`a call took ${seconds(result.longestMs)}`);
  return problems;
}

function textOf({ count, told, lost, twice, longestMs, healMs, detail }) {
  const healed = healMs === undefined ? 'not healed' : `healed in ${seconds(healMs)}`;
  const more = detail?.text ? `; ${detail.text}` : '';
  return `${count} calls, told ${JSON.stringify(told)}; lost ${lost}, twice ${twice}, longest ${seconds(longestMs)}, ${healed}${more}`;
}

function lineOf({ before = [], name, expects, ok, problems, text, skipped, ms }) {
  if (skipped) return `skipped ${name}: ${skipped}\n`;
  const lines = [
    `${ok ? 'held   ' : 'FAILED '} ${name}  ${seconds(ms)}`,
    `          ${text ?? ''}`,
    `          expected: ${expects}`,
    ...before.map((it) => `          at the first try: ${it}`),
    ...problems.slice(0, 5).map((it) => `          PROBLEM: ${it}`),
  ];
  return `${lines.join('\n')}\n`;
}

function seconds(ms) {
  return `${(ms / 1_000).toFixed(1)} s`;
}
