/**
 * npm run bench: measures Tieline beside the bare request, the bare SDK and other servers, all at the same work on this
 * machine. Tables go to stdout, progress to stderr. `--help` says what can be chosen.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { startUpstream } from './api/start.mjs';
import { installPeers } from './contenders/peers.mjs';
import { MAIN } from './contenders/tieline.mjs';
import { HELP, readOptions } from './options.mjs';
import { plan } from './plan.mjs';
import { machine, machineText } from './report/machine.mjs';
import { readmeSection, withSection } from './report/readme.mjs';
import { chartOf, tablesOf } from './report/report.mjs';
import { markdownTable, textTable } from './report/table.mjs';
import { labelOf } from './suites/calls.mjs';
import { judge } from './targets.mjs';

process.env.TIELINE_LOG ??= 'error'; // homes are made in this process
const progress = (text) => process.stderr.write(`${text}\n`);

const options = read();
const results = options.from ? await measuredBefore(options.from) : await run();
const tables = tablesOf(results);
for (const { title, rows } of tables) process.stdout.write(`\n${title}\n\n${textTable(rows)}\n`);
await writeFiles();
const missed = results.targets.filter((it) => (options.isPart ? it.holds === false : !it.holds));
for (const it of missed) progress(`target ${it.value === undefined ? 'not measured' : 'missed'}: ${it.what}`);
process.exitCode = missed.length > 0 ? 1 : 0;

function read() {
  try {
    const chosen = readOptions(process.argv.slice(2));
    if (!chosen.help) return chosen;
    process.stdout.write(HELP);
    process.exit(0);
  } catch (error) {
    progress(`${error.message}\n\n${HELP}`);
    process.exit(2);
  }
}

/** What a run has written, held to the targets of today. */
async function measuredBefore(file) {
  const found = JSON.parse(await readFile(file, 'utf8'));
  return { ...found, targets: judge(found) };
}

async function run() {
  const leftOut = [];
  const leaveOut = (contender, why) => {
    const what = labelOf(contender);
    progress(`left out: ${what}: ${why}`);
    if (!leftOut.some((it) => it.what === what && it.why === why)) leftOut.push({ what, why });
  };
  const missing = await installPeers(progress);
  const upstream = await startUpstream();
  const stage = { upstream, main: options.main ?? MAIN };
  const { suites, close } = plan(stage, options, { progress, leaveOut, missing });
  const measured = {};
  try {
    for (const name of options.suites) measured[name === 'users' ? 'userLists' : name] = await suites[name]();
  } finally {
    await close();
    await upstream.stop();
  }
  const { rounds, ms, quick } = options;
  const found = { machine: machine(), rounds, ms, quick, ...measured, leftOut };
  return { ...found, targets: judge(found) };
}

async function writeFiles() {
  const { json, markdown, chart, readme } = options;
  if (json) await writeFile(json, `${JSON.stringify(results, null, 1)}\n`);
  if (chart) await writeFile(chart, chartOf(results));
  if (readme) {
    const section = readmeSection(results, relative(dirname(readme), chart));
    await writeFile(readme, withSection(await readFile(readme, 'utf8'), section));
  }
  if (!markdown) return;
  const parts = tables.map(({ title, rows }) => `### ${title}\n\n${markdownTable(rows)}\n`);
  await writeFile(markdown, `Measured on ${machineText(results.machine)}.\n\n${parts.join('\n')}`);
}
