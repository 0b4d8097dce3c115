import { setTimeout as sleep } from 'node:timers/promises';
import { labelOf } from './calls.mjs';

/**
 * From the start of the process to the first answer to `tools/list`, handshake included, and the first call after it.
 * Gives `[{ name, transport, era, starts: [{ ms, cpuMs, firstCallMs, idleMiB }, …] }]`, one entry for each round.
 */
export async function measureStarts(contenders, { rounds, progress, leaveOut }) {
  const rows = contenders.map((contender) => ({ contender, starts: [] }));
  const out = new Set();
  for (let round = 0; round < rounds; round += 1) {
    for (const row of round % 2 === 0 ? rows : rows.toReversed()) {
      if (out.has(row)) continue;
      try {
        row.starts[round] = await measureStart(row.contender);
        progress(
          `starts, round ${round + 1} of ${rounds}: ${labelOf(row.contender)}: ${Math.round(row.starts[round].ms)} ms`,
        );
      } catch (error) {
        out.add(row);
        leaveOut(row.contender, error.message);
      }
    }
  }
  return rows
    .filter((it) => !out.has(it))
    .map(({ contender: { name, transport, era }, starts }) => ({ name, transport, era, starts }));
}

const QUIET_MS = 300;

async function measureStart(contender) {
  const server = await contender.open();
  try {
    await server.ask('tools/list');
    const ms = performance.now() - server.process.startedAt;
    const cpuMs = server.process.cpu() / 1_000;
    const asked = performance.now();
    await server.ask('tools/call', contender.call);
    const firstCallMs = performance.now() - asked;
    await sleep(QUIET_MS);
    return { ms, cpuMs, firstCallMs, idleMiB: server.process.memory() };
  } finally {
    await server.stop();
  }
}
