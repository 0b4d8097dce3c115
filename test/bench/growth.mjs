/**
 * npm run growth -- [--calls 1000000] [--every 50000] [--concurrency 16] [--transports http,stdio] [--main <file>]
 *
 * Calls one tool of Tieline again and again, and tells its memory and its open files after every so many calls. Ends with
 * 1 where the second half of the calls left more behind than the bounds below.
 */
import { parseArgs } from 'node:util';
import { problemOf } from './api/records.mjs';
import { startUpstream } from './api/start.mjs';
import { makeHome } from './contenders/home.mjs';
import { MAIN, onHttp, onStdio } from './contenders/tieline.mjs';
import { MODERN } from './drive/protocol.mjs';
import { judgeGrowth } from './report/growth.mjs';
import { failOn } from './suites/calls.mjs';

process.env.TIELINE_LOG ??= 'error';
const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '1000000' },
    every: { type: 'string', default: '50000' },
    concurrency: { type: 'string', default: '16' },
    transports: { type: 'string', default: 'http,stdio' },
    main: { type: 'string', default: MAIN },
  },
});
const [calls, every, concurrency] = [values.calls, values.every, values.concurrency].map(Number);
if (![calls, every, concurrency].every((it) => Number.isInteger(it) && it > 0) || calls < 4 * every) {
  process.stderr.write('growth --calls <at least four times --every> --every <n> --concurrency <n>\n');
  process.exit(2);
}
const openers = { http: onHttp(MODERN), stdio: onStdio(MODERN) };

const upstream = await startUpstream();
const home = await makeHome({ upstream });
try {
  for (const name of values.transports.split(',')) {
    const problems = judgeGrowth(await grow(name, openers[name]));
    for (const it of problems) process.stdout.write(`${name}: ${it}\n`);
    if (problems.length > 0) process.exitCode = 1;
    else process.stdout.write(`${name}: does not grow\n`);
  }
} finally {
  await home.remove();
  await upstream.stop();
}

/** What there is after each part of the calls: `[{ calls, memoryMiB, files }]`. */
async function grow(name, { open, call: params }) {
  const server = await open({ home, main: values.main });
  const samples = [];
  try {
    for (let done = every; done <= calls; done += every) {
      const load = { method: 'tools/call', params, check: problemOf, concurrency, count: every };
      const loaded = await server.load(load);
      failOn(loaded);
      const sample = { calls: done, memoryMiB: server.process.memory(), files: server.process.files() };
      samples.push(sample);
      const told = [`${done} calls`, `${sample.memoryMiB.toFixed(1)} MiB`, `${sample.files} files`];
      process.stdout.write(`${name}: ${told.join(', ')}, ${Math.round(loaded.perSecond)} calls/s\n`);
    }
  } finally {
    await server.stop();
  }
  return samples;
}
