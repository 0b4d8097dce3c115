/**
 * npm run conformance [-- --json] [-- <run>…]
 *
 * Runs the official conformance suite against `tieline serve` as it is built: what each protocol revision requires of a
 * server, and the scenarios for authorization servers against the one that is built in. Exits with 0 only if every
 * scored scenario of every run passed, but for those named in `expected-<run>.yml`.
 */
import { parseArgs } from 'node:util';
import { allow } from './consent.mjs';
import { startProxy } from './proxy.mjs';
import { reportOf, table } from './report.mjs';
import { runSuite } from './suite.mjs';
import { startTarget } from './target.mjs';

const RUNS = { '2026-07-28': asServer, '2025-11-25': asServer, authorization: asAuthorizationServer };

const { json, runs } = readArguments();
const target = await startTarget();
try {
  const reports = [];
  for (const name of runs) {
    const started = performance.now();
    const ended = await RUNS[name](name);
    const report = reportOf(name, ended, Math.round(performance.now() - started));
    reports.push(report);
    // What a run printed is of interest where it is watched, or has failed.
    const said = `\n=== ${name} ===\n${report.ok ? ended.summary : ended.output}\n`;
    if (!json) process.stdout.write(said);
    else if (!report.ok) process.stderr.write(said);
  }
  const ok = reports.every((it) => it.ok);
  process.stdout.write(json ? `${JSON.stringify({ ok, runs: reports }, null, 2)}\n` : `\n${table(reports)}`);
  process.exitCode = ok ? 0 : 1;
} finally {
  await target.close();
}

/** Ends the process with 2 for arguments that make no sense. */
function readArguments() {
  const known = Object.keys(RUNS);
  try {
    const { values, positionals } = parseArgs({ options: { json: { type: 'boolean' } }, allowPositionals: true });
    const unknown = positionals.find((it) => !known.includes(it));
    if (unknown !== undefined) throw new Error(`There is no run '${unknown}'.`);
    return { json: values.json ?? false, runs: positionals.length > 0 ? [...new Set(positionals)] : known };
  } catch (error) {
    process.stderr.write(`${error.message}\nconformance [--json] [${known.join('|')}]…\n`);
    process.exit(2);
  }
}

/** The suite sends no credentials to a server, so that it goes through a proxy that adds the token of a user. */
async function asServer(revision) {
  const { token } = await target.user(revision);
  const proxy = await startProxy(target.url, token);
  try {
    return await runSuite(['server', '--url', `${proxy.url}/mcp`, '--requirements', revision], revision);
  } finally {
    proxy.close();
  }
}

/** The suite prints an address for a person to open, and waits until they have signed in and allowed it. */
async function asAuthorizationServer(name) {
  const user = await target.user(name);
  const client = await target.registerClient();
  const port = String(await target.freePort());
  const args = ['--url', target.url, '--client-id', client, '--resource', `${target.url}/mcp`, '--port', port];
  return runSuite(['authorization', ...args], name, (address) => allow(address, user));
}
