import { describe, expect, it, onTestFinished } from 'vitest';
import type { FaultName } from '../../src/sandbox/faulty/faultyoauth.ts';
import { postgresIsAbsent, postgresPlace } from '../keystore/servers.ts';
import { type Ground, makeGround, type Refresher, type Step } from './refresher.ts';

/** Of the first owner. Whoever sees that it lives, though stopped, waits ten times as long. */
const LEASE_MS = 1_000;

type Scenario = {
  /** Where the first owner stops; `asked` is while the provider has its request and keeps the answer. */
  readonly at: Step | 'asked';
  /** How the provider answers it; by default it rotates. */
  readonly fault?: FaultName;
  /** How many token requests there are in the end. */
  readonly requests: number;
  /** Whether the account works afterwards; if not, it says once and for all that its answer was lost. */
  readonly works: boolean;
};

const SCENARIOS: readonly Scenario[] = [
  { at: 'leased', requests: 1, works: true },
  { at: 'intended', requests: 1, works: true },
  { at: 'asked', requests: 2, works: false },
  { at: 'answered', requests: 2, works: false },
  { at: 'answered', fault: 'no_new_refresh_token', requests: 2, works: true },
  { at: 'saved', requests: 1, works: true },
];

/** The first owner, at the point where it is killed or stopped. */
async function bringTo(ground: Ground, { at, fault }: Scenario, signal: 'SIGKILL' | 'SIGSTOP'): Promise<Refresher> {
  if (fault) ground.faulty.plan(fault);
  if (at !== 'asked') {
    const owner = ground.refresher({ at, signal, leaseMs: LEASE_MS });
    await owner.reached(at);
    return owner;
  }
  const hold = ground.faulty.hold();
  const owner = ground.refresher({ leaseMs: LEASE_MS });
  await hold.arrived;
  owner.child.kill(signal);
  hold.release();
  return owner;
}

/** What the next process meets, and whoever comes after it: the same, at no further cost. */
async function expectAfter(ground: Ground, { requests, works }: Scenario): Promise<void> {
  const said = [await ground.refresher().ended, await ground.refresher().ended];
  const stored = await ground.stored();
  expect(stored.version).toBe(2);
  expect(stored).not.toHaveProperty('attemptAt');
  expect(ground.faulty.requests).toHaveLength(requests);
  if (works) {
    const { accessToken } = stored.values;
    expect(said).toEqual([
      { version: 2, accessToken },
      { version: 2, accessToken },
    ]);
    expect(ground.faulty.familyAlive(String(accessToken))).toBe(true);
  } else {
    expect(stored.failure).toMatchObject({ code: 'reauthorization_required', cause: 'interrupted' });
    const refused = { code: 'reauthorization_required', message: expect.stringContaining('interrupted') };
    expect(said).toEqual([refused, refused]);
  }
}

async function killed(ground: Ground, scenario: Scenario): Promise<void> {
  const owner = await bringTo(ground, scenario, 'SIGKILL');
  expect(await owner.ended).toBeUndefined();
  expect(owner.child.signalCode).toBe('SIGKILL');
  await expectAfter(ground, scenario);
}

async function stopped(ground: Ground, scenario: Scenario): Promise<void> {
  const owner = await bringTo(ground, scenario, 'SIGSTOP');
  await expectAfter(ground, scenario);
  const before = await ground.stored();
  owner.child.kill('SIGCONT');
  const said = await owner.ended;
  expect(await ground.stored()).toEqual(before);
  expect(ground.faulty.requests).toHaveLength(scenario.requests);
  expect(said).toMatchObject(
    scenario.works
      ? { version: 2, accessToken: before.values.accessToken }
      : { code: 'reauthorization_required', message: before.failure?.message },
  );
}

describe.concurrent('on SQLite, an owner of the refresh', () => {
  it.each(SCENARIOS)('killed when it has $at ($fault): $requests requests, works: $works', async (scenario) => {
    await using(makeGround(), (ground) => killed(ground, scenario));
  });

  it.each(SCENARIOS)(
    'stopped past its lease when it has $at ($fault) overwrites nothing: $requests requests, works: $works',
    async (scenario) => {
      await using(makeGround(), (ground) => stopped(ground, scenario));
    },
  );
});

describe.skipIf(postgresIsAbsent)(`on PostgreSQL${postgresIsAbsent}, an owner of the refresh`, () => {
  it.each([
    ['killed', 'intended', killed],
    ['stopped', 'answered', stopped],
  ] as const)('%s when it has %s', async (_, at, run) => {
    const scenario = SCENARIOS.find((it) => it.at === at);
    if (!scenario) throw new Error('unreachable');
    const ground = await makeGround(postgresPlace().url.href);
    onTestFinished(() => ground.close());
    await run(ground, scenario);
  });
});

/** Concurrent tests share the hooks of the file. */
async function using(made: Promise<Ground>, work: (ground: Ground) => Promise<void>): Promise<void> {
  const ground = await made;
  try {
    await work(ground);
  } finally {
    await ground.close();
  }
}
