import { execFile, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { drive } from './drive.mjs';

const run = promisify(execFile);

const AWAY = 'store_unavailable while it is away, nothing lost, served again within 20 s';

const byServer = (service, name, work, more = {}) => ({
  name: `${service}: ${name}`,
  service,
  expects: AWAY,
  run: async (stage) => work(stage.store, stage),
  ...more,
});

/** What may befall the store. Accounts have tokens of 3 s, so that refreshes meet it. */
export const STORE_FAULTS = [
  byServer('postgres', 'connections reset five times', async ({ proxy }) => {
    for (let i = 0; i < 5; i++) {
      proxy.breakAll();
      await sleep(400);
    }
  }),
  byServer('postgres', 'refused for 4 s', ({ proxy }) => proxy.refused(4_000)),
  byServer('postgres', 'refused for 10 s', ({ proxy }) => proxy.refused(10_000), { isLong: true }),
  byServer('postgres', 'silent for 6 s', ({ proxy }) => proxy.silent(6_000)),
  byServer('postgres', 'silent for 30 s', ({ proxy }) => proxy.silent(30_000), { isLong: true }),
  byServer('postgres', 'restarted', (postgres) => postgres.restart()),
  byServer('postgres', 'stopped at once, away for 4 s', async (postgres) => {
    await postgres.stop('immediate');
    await sleep(4_000);
    await postgres.start();
  }),
  byServer('redis', 'connections reset five times', async ({ proxy }) => {
    for (let i = 0; i < 5; i++) {
      proxy.breakAll();
      await sleep(400);
    }
  }),
  byServer('redis', 'refused for 4 s', ({ proxy }) => proxy.refused(4_000)),
  byServer('redis', 'silent for 6 s', ({ proxy }) => proxy.silent(6_000)),
  byServer('redis', 'killed and started again, with what it kept', async (redis) => {
    await redis.stop('SIGKILL');
    await sleep(1_500);
    await redis.start();
  }),
  {
    name: 'redis: emptied while running',
    service: 'redis',
    expects: '/readyz 503, and callers are told that the store was emptied',
    async check({ store, openStage }) {
      const stage = await openStage({ store: store.url, accounts: 1, processes: 1 });
      try {
        const [server] = stage.servers;
        const problems = [];
        const ready = async () => (await fetch(`${server.url}/readyz`)).status;
        if ((await ready()) !== 200) problems.push('not ready before');
        await store.empty();
        await sleep(1_500);
        const status = await ready();
        const { code, json } = await stage.call(server, stage.accounts[0]);
        if (status !== 503) problems.push(`/readyz ${status}`);
        if (code === 'unauthenticated' || code === 'ok') problems.push(`a caller is told ${code}`);
        return { text: `/readyz ${status}, told ${code}: ${json?.detail}`, problems };
      } finally {
        await stage.close();
      }
    },
  },
  {
    name: 'sqlite: locked by another process for 7 s',
    expects: 'calls wait or are told store_unavailable, others are served, health answers at once',
    stage: { processes: 1 },
    async run({ home, servers }) {
      const locker = spawn(process.execPath, ['-e', LOCKER, join(home, 'tieline.db'), '7000'], { stdio: 'ignore' });
      let longest = 0;
      const ended = new Promise((resolve) => locker.once('exit', resolve));
      let isOver = false;
      void ended.then(() => {
        isOver = true;
      });
      while (!isOver) {
        const began = performance.now();
        await fetch(`${servers[0].url}/healthz`).then((it) => it.text());
        longest = Math.max(longest, performance.now() - began);
        await sleep(20);
      }
      const problems = longest > 1_000 ? [`/healthz took ${longest.toFixed(0)} ms`] : [];
      return { text: `health within ${longest.toFixed(0)} ms`, problems };
    },
  },
  {
    name: 'sqlite: the disk is full for 4 s',
    expects: 'nothing lost, the provider is not asked without room for its answer or that is kept until there is room',
    check: ({ openStage }) =>
      onOwnDisk('6m', async (home) => {
        const stage = await openStage({ home });
        try {
          const result = await drive(stage, async () => {
            await fill(home, 4_000);
          });
          const problems = [];
          if (result.lost > 0) problems.push(`${result.lost} accounts were lost`);
          if (result.twice > 0) problems.push(`${result.twice} things were written twice`);
          if (result.healMs === undefined) problems.push(`${result.unhealed} accounts did not serve again`);
          if (result.told.internal) problems.push(`${result.told.internal} callers were told internal`);
          return { text: `told ${JSON.stringify(result.told)}, lost ${result.lost}`, problems };
        } finally {
          await stage.close();
        }
      }),
  },
  {
    name: 'audit: no room for it for 3 s, then its file is renamed',
    service: 'redis',
    expects: 'calls go on, and no line is missing',
    check: ({ store, openStage }) =>
      onOwnDisk('2m', async (home) => {
        const stage = await openStage({ home, store: store.url, processes: 1, accounts: 4 });
        const audit = join(home, 'audit.jsonl');
        try {
          const { told, lost } = await drive(stage, async () => {
            await fill(home, 3_000);
            await sleep(1_500);
            await rename(audit, `${audit}.1`);
            await sleep(1_500);
          });
          const [server] = stage.servers;
          server.child.kill('SIGINT');
          await server.ended;
          const files = await Promise.all([audit, `${audit}.1`].map((it) => readFile(it, 'utf8')));
          const lines = files.flatMap((it) => it.split('\n')).filter((it) => it.includes('"entity":"things"')).length;
          const calls = Object.values(told).reduce((sum, it) => sum + it, 0);
          const problems = [];
          if (lost > 0) problems.push(`${lost} accounts were lost`);
          if (lines < calls) problems.push(`${calls - lines} lines are missing`);
          if (told.ok !== calls) problems.push('calls failed');
          return { text: `told ${JSON.stringify(told)}, ${lines} lines`, problems };
        } finally {
          await stage.close();
        }
      }),
  },
  {
    name: 'home: mounted read-only at the start',
    expects: 'an error that says so, with the next step',
    check: ({ openStage }) =>
      onOwnDisk('6m', async (home) => {
        const stage = await openStage({ home, processes: 1, accounts: 1 });
        try {
          const [server] = stage.servers;
          server.child.kill('SIGINT');
          await server.ended;
          await run('mount', ['-o', 'remount,ro', home]);
          const told = await stage.start(0).then(
            (it) => {
              stage.servers.push(it);
              return 'it serves';
            },
            ({ message }) => message,
          );
          const isClear = /"code": ?"(?!internal)/.test(told) && told.includes('"hint"') && !told.includes('\n    at ');
          return { text: told.trim().replace(/\s+/g, ' '), problems: isClear ? [] : ['no clear error'] };
        } finally {
          await stage.close();
        }
      }),
  },
  {
    name: 'sqlite: the file is replaced by a copy while running',
    expects: 'noticed: served from the new file, or refused, and nothing is written into the old one',
    async check({ openStage }) {
      const stage = await openStage({ accounts: 1, processes: 1 });
      try {
        const [server] = stage.servers;
        const file = join(stage.home, 'tieline.db');
        await copyFile(file, `${file}.copy`);
        for (const it of ['-wal', '-shm']) await rm(`${file}${it}`, { force: true });
        await rename(`${file}.copy`, file);
        await sleep(1_500);
        const body = { identifier: 'made-after-it-was-replaced' };
        const made = await stage.request(server, '/users', body);
        const problems = [];
        if (made.code === 'ok') {
          // What it says it has stored is there for the next process.
          server.child.kill('SIGTERM');
          await server.ended;
          const next = await stage.start(0);
          stage.servers.push(next);
          const again = await stage.request(next, '/users', body);
          if (again.code !== 'user_exists') problems.push(`a user it had made is gone (${again.code})`);
        }
        return { text: `told ${made.code}`, problems };
      } finally {
        await stage.close();
      }
    },
  },
  {
    name: 'sqlite: an empty file beside a key',
    expects: 'an error with the next step, and no new key',
    async check() {
      const home = await mkdtemp(join(tmpdir(), 'tieline-empty-'));
      try {
        await mkdir(home, { recursive: true });
        const env = { PATH: process.env.PATH, TIELINE_HOME: home };
        const main = new URL('../../dist/main.js', import.meta.url).pathname;
        const doctor = () => run(process.execPath, [main, 'integrations', 'list'], { env });
        await run(process.execPath, [main, 'users', 'bootstrap', '--json'], { env }).catch(() => doctor());
        for (const it of ['', '-wal', '-shm']) await rm(join(home, `tieline.db${it}`), { force: true });
        await writeFile(join(home, 'tieline.db'), '');
        const told = await doctor().then(
          ({ stdout }) => `exit 0: ${stdout.trim()}`,
          (error) => `exit ${error.code}: ${error.stderr.trim().split('\n')[0]}`,
        );
        return { text: told, problems: told.startsWith('exit 0') ? [told] : [] };
      } finally {
        await rm(home, { recursive: true, force: true });
      }
    },
  },
];

/** Holds the write lock of a SQLite file for so many milliseconds. */
const LOCKER = `
const [file, ms] = process.argv.slice(1);
let end;
try {
  const { DatabaseSync } = require('node:sqlite');
  const db = new DatabaseSync(file);
  db.exec('BEGIN IMMEDIATE');
  end = () => db.close();
} catch {
  const sqlite3 = require('sqlite3');
  const db = new sqlite3.Database(file);
  db.exec('BEGIN IMMEDIATE');
  end = () => db.close();
}
setTimeout(() => { end(); setTimeout(() => process.exit(), 200); }, Number(ms));
`;

/** Works with a folder on a file system of its own. Says why where none can be mounted. */
async function onOwnDisk(size, work) {
  if (userInfo().uid !== 0) return { text: 'skipped: needs root to mount', problems: [] };
  const folder = await mkdtemp(join(tmpdir(), 'tieline-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', folder]);
  } catch {
    await rm(folder, { recursive: true });
    return { text: 'skipped: nothing can be mounted here', problems: [] };
  }
  try {
    return await work(folder);
  } finally {
    await run('umount', ['-l', folder]);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Leaves no room in a folder for so many milliseconds. */
async function fill(folder, ms) {
  const filler = join(folder, 'filler');
  await run('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4096']).catch(() => {});
  await sleep(ms);
  await rm(filler);
}
