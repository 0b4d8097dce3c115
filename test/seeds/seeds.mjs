/**
 * npm run seeds [-- --json] [-- --document gmail-agent]
 *
 * Every request and code sample of the four documents that Tieline is made for, against a real server: one line for each
 * step. Exits with 0 only if all are ok. Runs the built program in `dist`; needs openssl, and curl where there is one.
 */
import { parseArgs } from 'node:util';
import { authenticationSpec } from './authentication-spec.mjs';
import { glConnectors } from './gl-connectors.mjs';
import { gmailAgent } from './gmail-agent.mjs';
import { httpConnections } from './http-connections.mjs';
import { setStage } from './stage.mjs';
import { openTable } from './steps.mjs';

const DOCUMENTS = {
  'gl-connectors': glConnectors,
  'http-connections': httpConnections,
  'authentication-spec': authenticationSpec,
  'gmail-agent': gmailAgent,
};

const { json, document } = parseArgs({ options: { json: { type: 'boolean' }, document: { type: 'string' } } }).values;
if (document !== undefined && !Object.hasOwn(DOCUMENTS, document)) {
  process.stderr.write(`seeds [--json] [--document ${Object.keys(DOCUMENTS).join('|')}]\n`);
  process.exit(2);
}

const start = performance.now();
const stage = await setStage();
const table = openTable({ isQuiet: json });
try {
  // They have nothing in common but the server, and most of the time is spent waiting.
  const wanted = Object.entries(DOCUMENTS).filter(([name]) => document === undefined || document === name);
  await Promise.all(wanted.map(([name, run]) => run(table.of(name), stage)));
} finally {
  await stage.close();
}
const ms = Math.round(performance.now() - start);
const failed = table.rows.filter((it) => !it.ok).length;
const ok = failed === 0;
if (json) process.stdout.write(`${JSON.stringify({ ok, steps: table.rows, ms }, null, 2)}\n`);
else process.stdout.write(`\n${table.rows.length} steps, ${failed} failed, ${(ms / 1_000).toFixed(1)} s\n`);
process.exitCode = ok ? 0 : 1;
