import { setTimeout as sleep } from 'node:timers/promises';

const api = (mode, ms, what, more = {}) => ({
  name: `provider: ${what}`,
  expects: 'told with a code before a client gives up, nothing written twice, served again at once',
  stage: { processes: 1, accounts: 4, ...more.stage },
  async run({ provider }) {
    provider.state.mode = mode;
    await sleep(ms);
    provider.state.mode = 'ok';
  },
  ...more,
});

/** How providers misbehave. */
export const PROVIDER_FAULTS = [
  api('reset', 3_000, 'resets every connection for 3 s'),
  api('broken', 3_000, 'answers 500 for 3 s'),
  api('limited', 4_000, 'says 429 with Retry-After for 4 s', { most: { healMs: 8_000 } }),
  api('away', 6_000, 'has no token endpoint for 6 s', { most: { healMs: 10_000 } }),
  api('hang', 8_000, 'hangs for 8 s', { most: { longestMs: 56_000, healMs: 50_000 }, isLong: true }),
  api('drip', 8_000, 'drips for 8 s', { most: { longestMs: 56_000, healMs: 56_000 }, isLong: true }),
  api('ok', 0, 'neither takes nor refuses connections for 7 s', { run: ({ provider }) => provider.blackHole(7_000) }),
  {
    name: 'provider: a write whose answer is lost, sent again with the same Idempotency-Key',
    expects: 'outcome_unknown, again and again, and written once',
    async check({ openStage }) {
      const stage = await openStage({ processes: 2, accounts: 1 });
      try {
        const [account] = stage.accounts;
        const problems = [];
        const told = [];
        for (const mode of ['reset', 'broken']) {
          stage.provider.state.mode = mode;
          const headers = { 'idempotency-key': `once-${mode}` };
          for (const [i, server] of [stage.servers[0], stage.servers[1], stage.servers[0]].entries()) {
            if (i > 0) stage.provider.state.mode = 'ok';
            const { code } = await stage.call(server, account, { key: mode, headers });
            told.push(code);
            if (code !== 'outcome_unknown') problems.push(`${mode}, ${i + 1}.: ${code}`);
          }
        }
        const times = [...stage.provider.writes.values()];
        if (times.some((it) => it !== 1)) problems.push(`written ${times.join(', ')} times`);
        return { text: `told ${told.join(', ')}; written ${times.join(', ')}`, problems };
      } finally {
        await stage.close();
      }
    },
  },
  {
    name: 'provider: a keyed write whose process is killed',
    expects: 'never written twice',
    async check({ openStage }) {
      const stage = await openStage({ processes: 2, accounts: 1 });
      try {
        stage.provider.state.mode = 'slow';
        const headers = { 'idempotency-key': 'once-killed' };
        const [first, second] = stage.servers;
        const [account] = stage.accounts;
        const lost = stage.call(first, account, { key: 'killed', headers });
        while (!stage.provider.writes.has('killed')) await sleep(20);
        first.child.kill('SIGKILL');
        await lost;
        stage.provider.state.mode = 'ok';
        const told = [];
        for (let i = 0; i < 12; i++) {
          told.push((await stage.call(second, account, { key: 'killed', headers })).code);
          if (told.at(-1) === 'outcome_unknown') break;
          await sleep(2_000);
        }
        const times = stage.provider.writes.get('killed');
        const problems = [];
        if (times !== 1) problems.push(`written ${times} times`);
        if (told.at(-1) !== 'outcome_unknown') problems.push(`told ${told.at(-1)} in the end`);
        return { text: `told ${[...new Set(told)].join(', ')}; written ${times}`, problems };
      } finally {
        await stage.close();
      }
    },
  },
];
