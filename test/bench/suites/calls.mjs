import { problemOf } from '../api/records.mjs';

export const LEVELS = [1, 16, 64];

/** What a server has for becoming warm, at least, in milliseconds: the compiler of V8 looks at what runs for a while. */
const WARM_MS = 2_000;

/**
 * CPU per call and latency of every contender at each concurrency. They take turns, in the opposite order every other
 * round, so that what else happens on the machine meets all of them. Gives what was told of each contender with
 * `levels: { 16: [{ cpu, perSecond, p50, p99 }, …] }`, one entry for each round; `cpu` in microseconds of the server's
 * processes for one call, times in milliseconds. One that fails is left out, with what it measured before.
 */
export async function measureCalls(contenders, { rounds, ms, levels = LEVELS, progress, leaveOut }) {
  const rows = contenders.map((contender) => ({ contender, levels: Object.fromEntries(levels.map((it) => [it, []])) }));
  const out = new Set();
  for (let round = 0; round < rounds; round += 1) {
    for (const row of round % 2 === 0 ? rows : rows.toReversed()) {
      if (out.has(row)) continue;
      try {
        await measureRound(row, { round, ms });
        const told = levels.map((it) => `c${it} ${Math.round(row.levels[it][round].cpu)} µs`).join(', ');
        progress(`calls, round ${round + 1} of ${rounds}: ${labelOf(row.contender)}: ${told}`);
      } catch (error) {
        out.add(row);
        leaveOut(row.contender, error.message);
      }
    }
  }
  return rows
    .filter((it) => !out.has(it))
    .map(({ contender: { name, transport, era, size }, levels: measured }) => ({
      name,
      transport,
      era,
      ...(size && { size }),
      levels: measured,
    }));
}

export const labelOf = ({ transport, name, era, size }) =>
  [transport, name, era, size && JSON.stringify(size)].filter(Boolean).join(' ');

async function measureRound({ contender, levels }, { round, ms }) {
  const server = await contender.open();
  const load = { method: 'tools/call', params: contender.call, check: problemOf, headers: await contender.turns?.() };
  try {
    failOn(await server.load({ ...load, concurrency: 16, ms: Math.max(ms, WARM_MS) }));
    // Users who take turns have all been there before: what is opened once a minute is not to count with every call.
    if (load.headers) failOn(await server.load({ ...load, concurrency: 16, count: 2 * load.headers.length }));
    for (const level of Object.keys(levels)) {
      const before = server.process.cpu();
      const { calls, perSecond, p50, p99, problems } = await server.load({ ...load, concurrency: Number(level), ms });
      failOn({ problems });
      levels[level][round] = { cpu: (server.process.cpu() - before) / calls, perSecond, p50, p99 };
    }
  } finally {
    await server.stop();
  }
}

/** Nothing that fails counts as fast. */
export function failOn({ problems }) {
  if (problems.length > 0) throw new Error(problems[0]);
}
