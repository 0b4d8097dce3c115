import { setTimeout as sleep } from 'node:timers/promises';
import { problemOf } from '../api/records.mjs';
import { failOn, labelOf } from './calls.mjs';

const QUIET_MS = 1_000;

/**
 * Resident memory, in MiB: idle, after half of the calls, and after all of them.
 * `[{ name, transport, era, idleMiB, halfMiB, afterMiB }]`
 */
export async function measureMemory(contenders, { calls, progress, leaveOut }) {
  const rows = [];
  for (const contender of contenders) {
    try {
      const memory = await measure(contender, calls);
      const { name, transport, era } = contender;
      rows.push({ name, transport, era, ...memory });
      progress(
        `memory: ${labelOf(contender)}: ${Math.round(memory.idleMiB)} MiB, ${Math.round(memory.afterMiB)} MiB after`,
      );
    } catch (error) {
      leaveOut(contender, error.message);
    }
  }
  return rows;
}

async function measure(contender, calls) {
  const server = await contender.open();
  const half = { method: 'tools/call', params: contender.call, check: problemOf, concurrency: 16, count: calls / 2 };
  try {
    await server.ask('tools/list');
    await sleep(QUIET_MS);
    const idleMiB = server.process.memory();
    failOn(await server.load(half));
    await sleep(QUIET_MS);
    const halfMiB = server.process.memory();
    failOn(await server.load(half));
    await sleep(QUIET_MS);
    return { idleMiB, halfMiB, afterMiB: server.process.memory() };
  } finally {
    await server.stop();
  }
}
