/**
 * node test/storm/storm.mjs --store sqlite|postgres|redis [--processes 4] [--callers 100] [--expired clock|told]
 *
 * Many processes call at once as one account whose token has just expired, at a provider that rotates refresh tokens
 * and ends the family of one that is used twice. Prints what came of it as JSON; exits with 0 only if there was exactly
 * one refresh, every call succeeded and the family lives. Runs the built program in `dist`.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execute } from '../../dist/execute/execute.js';
import { localPrincipal } from '../../dist/integration/principal.js';
import { STORES } from './place.mjs';
import { EXPIRIES, setStage } from './stage.mjs';

const { store, expired, ...counts } = parseArgs({
  options: {
    store: { type: 'string', default: 'sqlite' },
    processes: { type: 'string', default: '4' },
    callers: { type: 'string', default: '100' },
    expired: { type: 'string', default: 'clock' },
  },
}).values;
const [processes, callers] = [Number(counts.processes), Number(counts.callers)];
if (!STORES.includes(store) || !EXPIRIES.includes(expired) || !(processes > 0) || !(callers > 0)) {
  process.stderr.write('storm --store sqlite|postgres|redis [--processes 4] [--callers 100] [--expired clock|told]\n');
  process.exit(2);
}
const progress = (text) => process.stderr.write(`${text}\n`);

const stage = await setStage(store);
const children = [];
try {
  progress(`An account is linked on ${store}. Starting ${processes} processes.`);
  for (let i = 0; i < processes; i += 1) {
    children.push(fork(fileURLToPath(new URL('caller.mjs', import.meta.url)), [String(callers)], { env: stage.env }));
  }
  await Promise.all(children.map(message));
  await stage.expire(expired);
  progress(`The token has expired. ${processes * callers} calls begin.`);
  const started = performance.now();
  const answers = children.map(message);
  for (const it of children) it.send('go');
  const reports = await Promise.all(answers);
  const ms = Math.round(performance.now() - started);
  const refreshes = stage.sandbox.observed.tokenRequests.filter((it) => it.grantType === 'refresh_token').length;
  for (const text of new Set(reports.flatMap((it) => it.failures))) progress(`A call failed: ${text}`);

  const successes = reports.reduce((sum, it) => sum + it.successes, 0);
  const expected = processes * callers;
  const alive = await familyAlive();
  process.stdout.write(
    `${JSON.stringify({ store, processes, callers, refreshes, successes, expected, family_alive: alive, ms })}\n`,
  );
  process.exitCode = refreshes === 1 && successes === expected && alive ? 0 : 1;
} finally {
  for (const it of children) it.kill();
  await stage.close();
}

/** What a child says next. Throws when it ends instead. */
async function message(child) {
  const ended = new AbortController();
  // Not its exit, which may come before what it said last.
  const gone = once(child, 'disconnect', { signal: ended.signal }).then(() => {
    throw new Error('a process of the storm ended early');
  });
  try {
    const [said] = await Promise.race([once(child, 'message', { signal: ended.signal }), gone]);
    return said;
  } finally {
    ended.abort();
    gone.catch(() => {}); // it was only listened to until now
  }
}

/** Whether the refresh token that is stored now is good for another refresh. */
async function familyAlive() {
  await stage.expire('told');
  const call = { connector: 'sandbox', entity: 'profile', action: 'get', params: {} };
  return execute(stage.engine, localPrincipal, call).then(
    () => true,
    (error) => {
      progress(`The refresh afterwards failed: ${error.code}: ${error.message}`);
      return false;
    },
  );
}
