import { setTimeout as sleep } from 'node:timers/promises';

const LONGEST_HEAL_MS = 90_000;

/**
 * One caller for each account calls on, at the processes in turn, while a fault is done and undone, until every account
 * serves again. Every fifth call writes. Gives what callers were told, what was lost, and how long it took to heal.
 */
export async function drive(stage, fault, { before = 1_500, pauseMs = 30, healMs = LONGEST_HEAL_MS } = {}) {
  const { accounts, servers, provider, call } = stage;
  const told = {};
  let longest = 0;
  let isOver = false;
  let undoneAt = Number.POSITIVE_INFINITY;
  const healed = new Map();
  let count = 0;

  async function caller(account, first) {
    for (let i = first; !isOver; i++) {
      const up = servers.filter(({ child }) => child.exitCode === null && child.signalCode === null);
      const server = up[i % up.length];
      if (!server) {
        await sleep(100);
        continue;
      }
      const began = performance.now();
      const key = i % 5 === 0 ? `${account}-${i}` : undefined;
      const { code, ms } = await call(server, account, { key });
      count += 1;
      told[code] = (told[code] ?? 0) + 1;
      longest = Math.max(longest, ms);
      if (code === 'ok' && began > undoneAt && !healed.has(account)) healed.set(account, performance.now() - undoneAt);
      await sleep(code === 'ok' ? pauseMs : 150);
    }
  }

  const callers = accounts.map((it, i) => caller(it, i));
  await sleep(before);
  const detail = await fault(stage);
  undoneAt = performance.now();
  // Those that are lost never serve again, and are told of as lost.
  const waiting = () => {
    const lost = provider.revoked();
    return accounts.filter((it, i) => !healed.has(it) && !lost.includes(`f${i}`)).length;
  };
  while (performance.now() - undoneAt < healMs && waiting() > 0) await sleep(100);
  const unhealed = waiting();
  isOver = true;
  await Promise.all(callers);
  return {
    count,
    told,
    longestMs: longest,
    lost: provider.revoked().length,
    twice: provider.writtenTwice(),
    healMs: unhealed === 0 ? Math.max(0, ...healed.values()) : undefined,
    unhealed,
    detail,
  };
}
