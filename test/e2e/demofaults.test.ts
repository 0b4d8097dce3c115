import { readdir } from 'node:fs/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { faultsNamed, SCENARIOS, type Scenario } from '../../src/demo/faultscenarios.ts';
import { type FaultStage, setFaultStage } from '../../src/demo/faultstage.ts';
import { type FaultSeen, playFault } from '../../src/demo/faultstory.ts';
import { lineOf } from '../../src/demo/faulttable.ts';
import { FAULT_NAMES, type FaultName } from '../../src/sandbox/faulty/faults.ts';
import { start, temporary, until } from './program.ts';

/** Every token of the provider, and its client's secret. */
const SECRETS = /\b[ar]t_\d+_\d+_|faulty-client-secret/;

describe('the story of a fault', () => {
  let stage: FaultStage;

  beforeEach(async () => {
    stage = await setFaultStage();
  });

  afterEach(() => stage.close());

  it.each(FAULT_NAMES)('%s goes as its scenario states', async (fault) => {
    const seen = await playFault(stage, fault);
    expect(seen).toMatchObject({ fault, problems: [], ok: true });
    expect(stage.faulty.requests[0]?.fault).toBe(fault);
  });

  const { reset, google_invalid_grant: google } = SCENARIOS;
  const stating = (scenario: Scenario, expected: Partial<Scenario['expected']>): Scenario => ({
    ...scenario,
    expected: { ...scenario.expected, ...expected },
  });

  it.each<[FaultName, Scenario, string]>([
    [
      'reset',
      stating(reset, { calls: ['ok', 'ok', 'ok', 'ok', 'ok'] }),
      'calls: ok ×2, refresh_failed ×2, ok instead of ok ×5',
    ],
    ['reset', stating(reset, { asked: 2 }), 'token requests: 3 instead of 2'],
    ['reset', stating(reset, { rejected: 1 }), 'tokens refused by the API: 0 instead of 1'],
    ['reset', stating(reset, { wait: [17, 18] }), ' instead of 17 to 18'],
    ['reset', stating(reset, { status: ['active', 'active'] }), 'status: error, active instead of active, active'],
    ['google_invalid_grant', stating(google, { cause: 'no reason' }), 'the cause does not say "no reason"'],
  ])('%s is not ok when something else is stated', async (fault, scenario, problem) => {
    const seen = await playFault(stage, fault, scenario);
    expect(seen).toMatchObject({ ok: false, problems: [expect.stringContaining(problem)] });
    expect(lineOf(seen)).toContain(problem);
  });

  it.each<[string, FaultName, (it: FaultStage) => Partial<FaultStage>]>([
    ['a secret was shown', 'none', (it) => ({ status: async () => ({ status: 'active', cause: it.refreshToken }) })],
    [
      'a secret was shown',
      'none',
      (it) => ({
        call: async () => ({ ...(await it.call()), shown: it.faulty.requests[0]?.issued?.accessToken ?? '' }),
      }),
    ],
    ['given up, although the grant is alive', 'none', () => ({ status: async () => ({ status: 'reauth_required' }) })],
    [
      'the grant is over, and nobody is told',
      'google_invalid_grant',
      () => ({ status: async () => ({ status: 'active' }) }),
    ],
    [
      'another host was asked',
      'redirect_other_host',
      (it) => ({
        status: async () => {
          await fetch(it.faulty.elsewhere.url);
          return it.status();
        },
      }),
    ],
  ])('tells that %s, under %s', async (problem, fault, change) => {
    const seen = await playFault({ ...stage, ...change(stage) }, fault);
    expect(seen.ok).toBe(false);
    expect(seen.problems).toContain(problem);
  });
});

it('names each fault once, and no other', () => {
  expect(faultsNamed(true)).toEqual(FAULT_NAMES);
  expect(faultsNamed(['reset', 'none', 'reset'])).toEqual(['reset', 'none']);
});

describe.concurrent('tieline demo --faults', () => {
  const places: { remove(): Promise<void> }[] = [];
  afterAll(() => Promise.all(places.map((it) => it.remove())));

  /** With a folder of its own for what is temporary, and settings of a user's that must not matter to it. */
  async function startDemo(...args: string[]) {
    const place = await temporary();
    places.push(place);
    const theirs = { TIELINE_STORE: 'sqlite:/nowhere/of-the-user.db', TIELINE_KEY: 'of the user', TIELINE_HOME: '/no' };
    const running = start(['demo', '--faults', ...args], { env: { TMPDIR: place.path, ...theirs } });
    return { ...running, left: () => readdir(place.path) };
  }

  it('tells programs what was seen', async () => {
    const { ended, left } = await startDemo('rate_limited_date', 'lost_reply', '--json');
    const { code, stdout, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const told = JSON.parse(stdout) as { ok: boolean; faults: FaultSeen[] };
    expect(told).toMatchObject({
      ok: true,
      faults: [
        {
          fault: 'rate_limited_date',
          calls: [{ got: 'ok' }, { got: 'ok' }, {}, { got: 'refresh_failed', retryAfter: 17 }, { got: 'ok' }],
          asked: 3,
          during: { status: 'error', cause: expect.stringContaining('429') },
          after: { status: 'active' },
        },
        { fault: 'lost_reply', asked: 2, after: { status: 'reauth_required' }, problems: [] },
      ],
    });
    expect(stdout).not.toMatch(SECRETS);
    expect(await left()).toEqual([]);
  });

  it('tells people as it happens', async () => {
    const { ended, left } = await startDemo('late_reply', 'google_invalid_grant');
    const { code, stdout, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/✓ late_reply .* ok ×5 +2 +active\n/);
    expect(stdout).toMatch(
      /✓ google_invalid_grant .* reauthorization_required ×5 +1 +reauth_required\n +faulty no longer .*revoked/,
    );
    expect(stdout).toContain('All 2 observations as they should be.');
    expect(stdout).not.toMatch(SECRETS);
    expect(await left()).toEqual([]);
  });

  it('lists the faults there are for one that is not', async () => {
    const { code, stdout, stderr } = await (await startDemo('reset', 'lost_replay')).ended;
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('there is no fault lost_replay');
    expect(stderr).toContain(FAULT_NAMES.join(', '));
  });

  it('refuses --keep, which is for the other demo', async () => {
    const { code, stdout, stderr } = await (await startDemo('--keep', '--json')).ended;
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: 'usage', message: '--keep does not go with --faults' },
    });
  });

  it('leaves nothing behind when SIGINT comes', async () => {
    const { child, stdout, stderr, ended, left } = await startDemo();
    await until(() => stdout().includes('✓ none'), stderr);
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, stderr: '' });
    expect(await left()).toEqual([]);
  });
});
