import { floor } from './contenders/floor.mjs';
import { makeHome } from './contenders/home.mjs';
import { peerServers, sdk } from './contenders/peers.mjs';
import { serverStores } from './contenders/stores.mjs';
import { onHttp, onStdio, tieline, turnsOf } from './contenders/tieline.mjs';
import { MODERN } from './drive/protocol.mjs';
import { measureCalls } from './suites/calls.mjs';
import { measureLists } from './suites/lists.mjs';
import { measureMemory } from './suites/memory.mjs';
import { measureShare } from './suites/share.mjs';
import { measureStarts } from './suites/starts.mjs';
import { measureStorm } from './suites/storm.mjs';

const MANY = 10_000;
const TOOLS = 1_000;
const USERS = 1_000;

/** What the quick run does not leave out where everybody would take long. */
const isOfTargets = ({ name, era }) => ['Tieline', 'SDK Server'].includes(name) && era === MODERN;

/**
 * The suites by name, each a function that gives its results. `missing` says of what is not installed why, and a home is
 * made when it is first needed; `close` removes them all.
 */
export function plan(stage, options, { progress, leaveOut, missing }) {
  const { upstream, main } = stage;
  const { ms, rounds, calls, sizes, isWanted, quick } = options;
  const told = { progress, leaveOut };
  const made = new Map();
  const homeOf = (size) => {
    const key = JSON.stringify(size);
    if (!made.has(key)) {
      progress(`Making a home: ${key}`);
      made.set(key, makeHome({ upstream, ...size }));
    }
    return made.get(key);
  };

  /** The contender as the suites want it, with what it is measured with. */
  const ours = (contender, { tools = 1, integrations = 1, users = 1, ...more } = {}, shownSize) => ({
    ...contender,
    size: shownSize,
    open: async () => contender.open({ home: await homeOf({ tools, integrations, users, ...more }), main }),
  });
  const others = (contender, tools = 1, shownSize) => ({
    ...contender,
    size: shownSize,
    open: () => contender.open({ upstream, tools }),
  });
  const installed = (contender) => {
    const reason = contender.leftOut ?? (contender.needs && missing[contender.needs]);
    if (reason) leaveOut(contender, reason);
    return !reason;
  };
  const offered = [...sdk, ...peerServers].filter((it) => !quick || it.name !== 'SDK McpServer');
  const wantedOthers = offered.filter(isWanted).filter(installed);
  const wantedTieline = tieline.filter(isWanted);
  const both = [onStdio(MODERN), onHttp(MODERN)].filter(isWanted);

  const suites = {
    calls: () => {
      const all = [floor, ...wantedOthers].filter(isWanted).map((it) => others(it));
      return measureCalls([...all, ...wantedTieline.map((it) => ours(it))], { rounds, ms, ...told });
    },
    starts: () => {
      const all = [...wantedOthers.map((it) => others(it)), ...wantedTieline.map((it) => ours(it, { shipped: true }))];
      const some = quick ? all.filter(isOfTargets) : all;
      return measureStarts(some, { rounds: quick ? 3 : Math.max(rounds, 7), ...told });
    },
    memory: () => {
      const bare = wantedOthers.map((it) => others(it, it.name.startsWith('SDK') ? TOOLS : 1));
      const full = both.map((it) => ours(it, { tools: TOOLS, integrations: MANY }));
      return measureMemory([...full, ...bare.filter((it) => !quick || isOfTargets(it))], { calls, ...told });
    },
    lists: () => {
      const all = sizes.flatMap((tools) => [
        ...both.map((it) => ours(it, { tools }, { tools })),
        ...(quick ? [] : wantedOthers).map((it) => others(it, tools, { tools })),
      ]);
      return measureLists(all, { ms, rounds: Math.min(rounds, 2), ...told });
    },
    scale: () => {
      const sized = [
        { tools: 10, integrations: 1, users: 1 },
        { tools: 5_000, integrations: 1, users: 1 },
        { tools: 10, integrations: 100, users: 1 },
        { tools: 10, integrations: MANY, users: 1 },
      ];
      const spread = { tools: 10, integrations: MANY / USERS, users: USERS };
      const all = both.flatMap((it) => sized.map((size) => ours(it, size, size)));
      const manyUsers = both
        .filter((it) => it.transport === 'http')
        .map((it) => ({ ...ours(it, spread, spread), turns: async () => turnsOf(await homeOf(spread)) }));
      return measureCalls([...all, ...manyUsers], {
        rounds: quick ? 1 : Math.max(3, rounds),
        ms,
        levels: [16],
        ...told,
      });
    },
    users: () => {
      const size = { tools: TOOLS, integrations: 1, users: USERS };
      const turns = async (index) => [turnsOf(await homeOf(size))[index]];
      const all = both
        .filter((it) => it.transport === 'http')
        .flatMap((it) => [
          { ...ours(it, size, { tools: TOOLS, user: 'first' }), turns: () => turns(0) },
          { ...ours(it, size, { tools: TOOLS, user: 'thousandth' }), turns: () => turns(USERS - 1) },
        ]);
      return measureLists(all, { ms, rounds: quick ? 1 : Math.max(3, rounds), ...told });
    },
    storm: () =>
      both.length === 0
        ? []
        : measureStorm(ours(both.at(-1)), upstream, { ms: ms * 2, rounds: Math.min(rounds, 3), ...told }),
    share: async () => measureShare(await homeOf({ tools: 1, integrations: 1, users: 1 }), { rounds, ...told }),
    stores: async () => {
      const found = await serverStores();
      const all = [];
      for (const { kind, url, missing: reason } of found) {
        if (reason) leaveOut({ name: `Tieline on ${kind}` }, reason);
        else all.push(...both.map((it) => ours(it, { store: url }, { store: kind })));
      }
      const local = both.map((it) => ours(it, {}, { store: 'sqlite' }));
      try {
        return await measureCalls([...local, ...all], { rounds: Math.min(rounds, 3), ms, levels: [16], ...told });
      } finally {
        for (const { remove } of found) await remove?.();
      }
    },
  };
  const close = async () => {
    for (const it of made.values()) await (await it).remove();
  };
  return { suites, close };
}
