import { setTimeout as sleep } from 'node:timers/promises';
import { problemOf } from '../api/records.mjs';
import { median } from '../report/stats.mjs';
import { failOn } from './calls.mjs';

const EVERY_MS = 500;

/**
 * Calls at concurrency 64 while nothing happens, and while the provider ends the token twice a second, so that all calls
 * under way are refused at once and share one refresh. Gives `[{ quiet, stormy, refreshes }]` for each round, the first
 * two with `p50` and `p99` in milliseconds.
 */
export async function measureStorm(contender, upstream, { ms, rounds, progress }) {
  const seen = [];
  for (let round = 0; round < rounds; round += 1) {
    const server = await contender.open();
    const load = { method: 'tools/call', params: contender.call, check: problemOf, concurrency: 64 };
    try {
      failOn(await server.load({ ...load, ms }));
      const quiet = await measured(server, { ...load, ms });
      const before = await upstream.tokens();
      let isOver = false;
      const expiries = (async () => {
        while (!isOver) {
          await upstream.tell('/expire');
          await sleep(EVERY_MS);
        }
      })();
      const stormy = await measured(server, { ...load, ms });
      isOver = true;
      await expiries;
      seen.push({ quiet, stormy, refreshes: (await upstream.tokens()) - before });
    } finally {
      await server.stop();
    }
  }
  const added = median(seen.map((it) => it.stormy.p99 - it.quiet.p99));
  progress(`storm: p99 ${added.toFixed(1)} ms more while the token expires`);
  return seen;
}

async function measured(server, load) {
  const { p50, p99, problems } = await server.load(load);
  failOn({ problems });
  return { p50, p99 };
}
