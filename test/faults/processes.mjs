import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBalancer } from './balancer.mjs';
import { drive } from './drive.mjs';

const CLOCK = new URL('clock.mjs', import.meta.url).href;

/** What may befall the processes, and the machines on which they run. */
export const PROCESS_FAULTS = [
  {
    name: 'processes: killed in mid refresh, and replaced',
    expects: 'accounts of the dead one serve again within 10 s; only what it had not saved can be lost',
    most: { healMs: 12_000 },
    async run(stage) {
      const { servers, start, provider } = stage;
      await sleep(800);
      // A token that was rotated and not saved by a killed process cannot be had again.
      const mayBeLost = provider.justRotated(1_000);
      servers[1].child.kill('SIGKILL');
      await servers[1].ended;
      servers.push(await start(1));
      await sleep(1_000);
      return { mayBeLost, text: `${mayBeLost} were rotated in the second before` };
    },
  },
  {
    name: 'processes: stopped for 6 s in mid refresh, and continued',
    expects: 'nothing lost, nothing refreshed twice',
    stage: { accounts: 6 },
    async run({ servers }) {
      servers[1].child.kill('SIGSTOP');
      await sleep(6_000);
      servers[1].child.kill('SIGCONT');
      await sleep(500);
    },
    most: { longestMs: 58_000 },
  },
  {
    name: 'processes: ended by SIGTERM with calls under way, and replaced',
    expects: 'calls under way are answered, none is broken',
    never: ['internal', 'client_timeout', 'ECONNRESET', 'UND_ERR_SOCKET'],
    async run(stage) {
      stage.provider.state.mode = 'slow';
      const [server] = stage.servers;
      const calls = Array.from({ length: 20 }, (_, i) =>
        stage.call(server, stage.accounts[i % stage.accounts.length], { key: `drain-${i}` }),
      );
      await sleep(500);
      server.child.kill('SIGTERM');
      const answers = await Promise.all(calls);
      stage.provider.state.mode = 'ok';
      const codes = {};
      for (const { code } of answers) codes[code] = (codes[code] ?? 0) + 1;
      const code = await server.ended;
      const problems = Object.keys(codes).some((it) => it !== 'ok') ? [JSON.stringify(codes)] : [];
      if (code !== 0) problems.push(`ended with ${code}`);
      return { text: `20 calls under way: ${JSON.stringify(codes)}`, problems };
    },
    isLong: true,
  },
  {
    name: 'processes: a rolling restart behind a balancer',
    expects: 'no call fails',
    async check({ openStage }) {
      const stage = await openStage({
        config: { server: { requestsPerMinute: 1_000_000, drain: { readinessDelay: '1s' } } },
      });
      const balancer = await startBalancer(stage.servers);
      try {
        const [first] = stage.servers;
        const told = {};
        let isOver = false;
        let count = 0;
        const through = { ...first, url: balancer.url };
        const callers = stage.accounts.map(async (account) => {
          while (!isOver) {
            const { code } = await stage.call(through, account);
            told[code] = (told[code] ?? 0) + 1;
            count += 1;
            await sleep(10);
          }
        });
        await sleep(1_000);
        for (const index of [0, 1]) {
          const old = stage.servers[index];
          old.child.kill('SIGTERM');
          await old.ended;
          stage.servers[index] = await stage.start(index);
          await sleep(700);
        }
        isOver = true;
        await Promise.all(callers);
        const failed = Object.entries(told).filter(([code]) => code !== 'ok');
        return {
          text: `${count} calls, told ${JSON.stringify(told)}`,
          problems: failed.map(([code, n]) => `${n} × ${code}`),
        };
      } finally {
        await balancer.close();
        await stage.close();
      }
    },
  },
  {
    name: 'processes: 20 first starts at once',
    expects: 'one key, one organization, no failure',
    async check({ openStage }) {
      const stage = await openStage({ accounts: 0, processes: 0 });
      try {
        // The key is made by whoever is first.
        const started = await Promise.allSettled(
          Array.from({ length: 20 }, () => stage.start(0, { TIELINE_KEY: undefined })),
        );
        stage.servers.push(...started.filter((it) => it.status === 'fulfilled').map((it) => it.value));
        const problems = started.filter((it) => it.status === 'rejected').map((it) => String(it.reason).slice(0, 300));
        const keys = stage.servers.flatMap(({ clientKey }) => clientKey ?? []);
        if (keys.length !== 1) problems.push(`${keys.length} organizations were made`);
        const headers = { authorization: `Bearer ${keys[0]}` };
        const codes = [];
        for (const [i, it] of stage.servers.entries()) {
          codes.push((await stage.request(it, '/users', { identifier: `user-${i}` }, { headers })).code);
        }
        if (codes.some((it) => it !== 'ok')) problems.push(JSON.stringify(codes));
        return {
          text: `${stage.servers.length} started, ${codes.filter((it) => it === 'ok').length} served`,
          problems,
        };
      } finally {
        await stage.close();
      }
    },
  },
  {
    name: 'processes: no more files may be opened for 4 s',
    expects: 'told with a code or refused a connection, nothing lost, served again at once',
    stage: { processes: 1, accounts: 6, files: 100 },
    async run({ servers, provider }) {
      const { port } = new URL(servers[0].url);
      const sockets = [];
      const more = (count) => {
        for (let i = 0; i < count; i++) sockets.push(connect(port, '127.0.0.1').on('error', () => {}));
      };
      more(150);
      // Whatever becomes free is taken again.
      for (let i = 0; i < 40; i++) {
        await sleep(100);
        if (i % 10 === 5) await provider.breakAll();
        more(10);
      }
      for (const it of sockets) it.destroy();
      return { problems: servers[0].child.exitCode === null ? [] : ['the server ended'] };
    },
  },
  ...[90_000, -86_400_000, 86_400_000].map((ms) => ({
    name: `clocks: a process whose clock is off by ${ms / 1_000} s`,
    expects: 'nothing lost, nobody waits for the other clock',
    isLong: ms === 86_400_000,
    async check({ openStage }) {
      const stage = await openStage({ processes: 1, accounts: 6 });
      try {
        const off = { execArgv: ['--import', CLOCK], FAULT_CLOCK_MS: String(ms) };
        stage.servers.push(await stage.start(0, off));
        const result = await drive(stage, async () => {
          await sleep(4_000);
          stage.servers[1].child.kill('SIGINT');
          await stage.servers[1].ended;
        });
        const { told, lost, healMs, longestMs } = result;
        const problems = [];
        if (lost > 0) problems.push(`${lost} accounts were lost`);
        if (healMs === undefined || healMs > 12_000) problems.push(`healed in ${healMs} ms`);
        return {
          text: `told ${JSON.stringify(told)}, lost ${lost}, longest ${(longestMs / 1_000).toFixed(1)} s`,
          problems,
        };
      } finally {
        await stage.close();
      }
    },
  })),
];
