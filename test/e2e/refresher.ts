import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Credential } from '../../src/auth/credential.ts';
import { openKeystore } from '../../src/keystore/keystore.ts';
import { storeKey } from '../../src/keystore/store.ts';
import { type FaultyOAuth, startFaultyOAuth } from '../../src/sandbox/faulty/faultyoauth.ts';
import { environment, temporary } from './program.ts';

const FILE = fileURLToPath(new URL('refresher.mjs', import.meta.url));

export type Step = 'leased' | 'intended' | 'answered' | 'saved';

/** What a process says at its end. */
export type Said = { version?: number; accessToken?: string; code?: string; message?: string };

export type Refresher = {
  readonly child: ChildProcess;
  /** Resolves when it has come so far. Rejects if it ends before. */
  reached(step: Step): Promise<void>;
  /** Undefined for one that was killed. */
  readonly ended: Promise<Said | undefined>;
};

/** An account whose token is over, at the faulty provider, in a store that several processes open. */
export type Ground = {
  readonly faulty: FaultyOAuth;
  stored(): Promise<Credential>;
  /** A process that refreshes. `leaseMs` is how long others leave it alone. */
  refresher(options?: { at?: Step; signal?: NodeJS.Signals; leaseMs?: number }): Refresher;
  close(): Promise<void>;
};

/** `store` as in TIELINE_STORE; by default a SQLite file. */
export async function makeGround(store?: string): Promise<Ground> {
  const folder = await temporary();
  const home = join(folder.path, 'home');
  const url = store ?? `sqlite:${join(folder.path, 'tieline.db')}`;
  const { keystore } = await openKeystore({ home, env: { TIELINE_STORE: url } });
  const faulty = await startFaultyOAuth();
  const { accessToken, refreshToken } = faulty.newGrant();
  const key = storeKey('credential', 'org', 'user', 'faulty', 'account');
  const credential: Credential = {
    version: 1,
    input: {},
    values: { accessToken, refreshToken },
    obtainedAt: Date.now() - 3_600_000,
    expiresAt: Date.now() - 1_000,
  };
  await keystore.write(key, credential);
  const children: ChildProcess[] = [];
  return {
    faulty,
    stored: async () => (await keystore.read<Credential>(key))?.value ?? Promise.reject(new Error('nothing stored')),
    refresher(options = {}) {
      const { clientId, clientSecret } = faulty;
      const told = { home, store: url, key, url: faulty.url, clientId, clientSecret, ...options };
      const child = spawn(process.execPath, [FILE, JSON.stringify(told)], {
        env: environment(),
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(child);
      return listenTo(child);
    },
    async close() {
      for (const it of children) it.kill('SIGKILL');
      await faulty.close();
      await keystore.close();
      await folder.remove();
    },
  };
}

function listenTo(child: ChildProcess): Refresher {
  const steps = new Set<string>();
  let said: Said | undefined;
  if (!child.stdout) throw new Error('unreachable');
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const it = JSON.parse(line) as Said & { step?: string };
    if (it.step === undefined) said = it;
    else steps.add(it.step);
    child.emit('said');
  });
  const ended = once(child, 'close').then(() => {
    child.emit('said');
    return said;
  });
  return {
    child,
    ended,
    async reached(step) {
      while (!steps.has(step)) {
        if (child.exitCode !== null || child.signalCode !== null || said) {
          throw new Error(`it never was ${step}: ${JSON.stringify(said ?? child.signalCode ?? child.exitCode)}`);
        }
        await once(child, 'said');
      }
    },
  };
}
