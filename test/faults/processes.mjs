import { createServer, request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { drive } from './drive.mjs';

const CLOCK = new URL('clock.mjs', import.meta.url).href;

/** What may befall the processes, and the machines on which they run. */
export const PROCESS_FAULTS = [
  {
    name: 'processes: killed in mid refresh, and replaced',
    expects: 'accounts of the dead one serve again within 10 s; only what it had not saved can be lost',
    // A token that was rotated and not saved by a killed process cannot be had again.
    most: { healMs: 12_000, lost: 2 },
    async run(stage) {
      const { servers, start } = stage;
      await sleep(800);
      servers[1].child.kill('SIGKILL');
      await servers[1].ended;
      servers.push(await start(1));
      await sleep(1_000);
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
      const stage = await openStage({ config: { server: { requestsPerMinute: 1_000_000 } } });
      const balancer = await startBalancer(stage);
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
    name: 'processes: 12 first starts at once',
    expects: 'one key, one organization, no failure',
    async check({ openStage }) {
      const stage = await openStage({ accounts: 1, processes: 1 });
      try {
        const started = await Promise.allSettled(Array.from({ length: 12 }, () => stage.start(0)));
        const good = started.filter((it) => it.status === 'fulfilled');
        stage.servers.push(...good.map((it) => it.value));
        const answers = await Promise.all(good.map((it) => stage.call(it.value, stage.accounts[0])));
        const problems = started.filter((it) => it.status === 'rejected').map((it) => String(it.reason).slice(0, 300));
        if (answers.some((it) => it.code !== 'ok')) problems.push(JSON.stringify(answers.map((it) => it.code)));
        return { text: `${good.length} started, ${answers.filter((it) => it.code === 'ok').length} served`, problems };
      } finally {
        await stage.close();
      }
    },
  },
  ...[90_000, 86_400_000, -86_400_000].map((ms) => ({
    name: `clocks: a process whose clock is off by ${ms / 1_000} s`,
    expects: 'nothing lost, nobody waits for the other clock',
    async check({ openStage }) {
      const stage = await openStage({ processes: 1, accounts: 6 });
      try {
        const off = { execArgv: ['--import', CLOCK], FAULT_CLOCK_MS: String(ms) };
        stage.servers.push(await stage.start(0, off));
        const result = await drive(stage, async () => {
          await sleep(5_000);
          stage.servers[1].child.kill('SIGKILL');
          await sleep(500);
        });
        const { told, lost, healMs, longestMs } = result;
        const problems = [];
        // The one that is killed may take what it had not saved with it.
        if (lost > 2) problems.push(`${lost} accounts were lost`);
        if (lost === 0 && (healMs === undefined || healMs > 12_000)) problems.push(`healed in ${healMs} ms`);
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

/** In turn to those that say that they are ready, asked every 100 ms. */
async function startBalancer({ servers }) {
  let ready = [...servers];
  const asking = setInterval(async () => {
    const asked = await Promise.all(
      [...servers].map(async (it) => {
        const status = await fetch(`${it.url}/readyz`, { signal: AbortSignal.timeout(1_000) }).then(
          (answer) => answer.status,
          () => 0,
        );
        return status === 200 ? it : undefined;
      }),
    );
    ready = asked.filter((it) => it !== undefined);
  }, 100);
  let turn = 0;
  const server = createServer((incoming, outgoing) => {
    const target = ready[turn++ % Math.max(1, ready.length)];
    if (!target) return outgoing.writeHead(502).end('{"code":"nobody_ready"}');
    const { port } = new URL(target.url);
    const onward = httpRequest(
      { host: '127.0.0.1', port, method: incoming.method, path: incoming.url, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode, { 'content-type': answer.headers['content-type'] ?? 'text/plain' });
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.writeHead(502).end('{"code":"broken_behind_the_balancer"}'));
    incoming.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      clearInterval(asking);
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
