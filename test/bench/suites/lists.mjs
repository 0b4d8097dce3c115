import { failOn, labelOf } from './calls.mjs';

/**
 * `tools/list` as a contender answers it: `[{ name, transport, era, size, bytes, ms, cpu }]`, with the median time in
 * milliseconds and the CPU in microseconds of one answer. Pages are followed to count the bytes.
 */
export async function measureLists(contenders, { ms, rounds, progress, leaveOut }) {
  const rows = contenders.map((contender) => ({ contender, seen: [] }));
  const out = new Set();
  for (let round = 0; round < rounds; round += 1) {
    for (const row of round % 2 === 0 ? rows : rows.toReversed()) {
      if (out.has(row)) continue;
      try {
        const seen = await measureList(row.contender, ms);
        row.seen.push(seen);
        progress(`lists: ${labelOf(row.contender)}: ${seen.bytes} bytes, ${Math.round(seen.cpu)} µs`);
      } catch (error) {
        out.add(row);
        leaveOut(row.contender, error.message);
      }
    }
  }
  return rows
    .filter((it) => !out.has(it))
    .map(({ contender: { name, transport, era, size }, seen }) => ({ name, transport, era, size, seen }));
}

async function measureList(contender, ms) {
  const server = await contender.open();
  try {
    const load = { method: 'tools/list', params: {}, concurrency: 1, headers: await contender.turns?.() };
    const { bytes, tools } = await wholeList(server);
    const { tools: wanted } = contender.size;
    if (tools < wanted) throw new Error(`${tools} tools instead of ${wanted}`);
    failOn(await server.load({ ...load, ms: ms / 2 }));
    const before = server.process.cpu();
    const { calls, p50, problems } = await server.load({ ...load, ms });
    failOn({ problems });
    return { bytes, ms: p50, cpu: (server.process.cpu() - before) / calls };
  } finally {
    await server.stop();
  }
}

async function wholeList(server) {
  let bytes = 0;
  let tools = 0;
  let cursor;
  do {
    const answer = await server.ask('tools/list', cursor === undefined ? {} : { cursor });
    const { result } = answer.message;
    bytes += answer.bytes;
    tools += result.tools.length;
    cursor = result.nextCursor;
  } while (cursor !== undefined);
  return { bytes, tools };
}
