import { describe, expect, it } from 'vitest';
import { FAULT_NAMES, type FaultName } from '../../src/sandbox/faulty/faultyoauth.ts';
import { everywhere, type Place } from '../contract/places.ts';
import { begin, type Life } from './lifecycle.ts';

/** Faults under which the provider gives tokens that can be read: nothing is to be seen of them. */
const HARMLESS: readonly FaultName[] = [
  'none',
  'late_reply',
  'no_expires_in',
  'expires_in_text',
  'expires_in_zero',
  'expires_at',
  'clock_ahead',
  'clock_behind',
  'no_new_refresh_token',
  'wrong_content_type',
  'form_encoded',
];

type Passing = {
  readonly fault: FaultName;
  /** Seconds until the provider is asked again, where it says so. */
  readonly wait?: number;
  /** Whether the refresh token was spent, so that the next answer is a refusal. */
  readonly spent?: true;
};

/** What the provider says, or nobody says, where its next word is to be waited for. */
const PASSING: readonly Passing[] = [
  { fault: 'reset' },
  { fault: 'redirect_other_host' },
  { fault: 'error_500_then_ok' },
  { fault: 'temporarily_unavailable' },
  { fault: 'rate_limited_seconds', wait: 17 },
  { fault: 'rate_limited_date', wait: 17 },
  { fault: 'rate_limited_no_header' },
  { fault: 'html_200' },
  { fault: 'empty_200' },
  { fault: 'ok_false_200' },
  { fault: 'huge_body' },
  { fault: 'lost_reply', spent: true },
  { fault: 'truncated_json', spent: true },
  { fault: 'nested_token', spent: true },
];

const FINAL: readonly FaultName[] = [
  'error_200',
  'google_invalid_grant',
  'microsoft_invalid_grant',
  'salesforce_invalid_grant',
  'slack_token_revoked',
  'github_bad_refresh_token',
];

/** What an operator has to mend: asked again at once, as waiting would not help. */
const REFUSED_CLIENT: readonly FaultName[] = ['invalid_client', 'unauthorized_client'];

it('is a table of every fault', () => {
  const all = [...HARMLESS, ...PASSING.map((it) => it.fault), ...FINAL, ...REFUSED_CLIENT];
  expect(all.sort()).toEqual([...FAULT_NAMES].sort());
});

/** Asks three times more, now and an hour later: the answer is this one, and the provider does not hear of it. */
async function staysOver(life: Life): Promise<void> {
  const before = { stored: await life.stored(), requests: life.faulty.requests.length };
  expect(await life.ask()).toBe('reauthorization_required');
  expect(await life.ask({ rejectedVersion: before.stored.version })).toBe('reauthorization_required');
  life.pass(3_600_000);
  expect(await life.ask()).toBe('reauthorization_required');
  expect(life.faulty.requests).toHaveLength(before.requests);
  expect(await life.stored()).toEqual(before.stored);
}

async function worksNow(life: Life): Promise<void> {
  const { failure, trouble, attemptAt, version, values } = await life.stored();
  expect({ version, failure, trouble, attemptAt }).toEqual({ version: 2 });
  expect(await life.me()).toBe(200);
  expect(life.faulty.familyAlive(String(values.refreshToken))).toBe(true);
}

everywhere('a refresh whose token is over', (makePlace: () => Promise<Place>) => {
  it.each(HARMLESS)('%s: gives the new token, by one request', async (fault) => {
    const life = await begin(await makePlace());
    life.faulty.plan(fault);
    expect(await life.ask()).toBe('version 2');
    await worksNow(life);
    expect(await life.ask()).toBe('version 2');
    expect(life.faulty.requests).toHaveLength(1);
  });

  it.each(PASSING)('$fault: fails for a while', async ({ fault, wait, spent }) => {
    const life = await begin(await makePlace());
    const before = await life.stored();
    life.faulty.plan(fault);
    expect(await life.ask()).toBe('refresh_failed');
    const { trouble, attemptAt, ...kept } = await life.stored();
    expect(kept).toEqual(before);
    const at = life.now();
    expect(trouble).toMatchObject({ code: 'refresh_failed', at, count: 1 });
    const waitMs = (trouble?.until ?? 0) - at;
    if (wait === undefined) expect(Math.abs(waitMs - 2_000)).toBeLessThanOrEqual(500);
    else expect(waitMs).toBe(wait * 1_000);
    if (spent) expect(attemptAt).toBe(at);
    life.pass(waitMs - 1);
    expect(await life.ask()).toBe('refresh_failed');
    expect(life.faulty.requests).toHaveLength(1);
    life.pass(1);
    if (spent) {
      expect(await life.ask()).toBe('reauthorization_required');
      const { failure, version, ...rest } = await life.stored();
      expect({ failure, version }).toMatchObject({ failure: { cause: 'interrupted', at: life.now() }, version: 2 });
      expect(rest).not.toHaveProperty('attemptAt');
      await staysOver(life);
    } else {
      expect(await life.ask()).toBe('version 2');
      await worksNow(life);
    }
    expect(life.faulty.requests).toHaveLength(2);
    expect(life.faulty.elsewhere.requests).toEqual([]);
  });

  it.each(FINAL)('%s: is over for good, by one request', async (fault) => {
    const life = await begin(await makePlace());
    life.faulty.plan(fault);
    expect(await life.ask()).toBe('reauthorization_required');
    const { failure, trouble, attemptAt, version } = await life.stored();
    expect(failure).toMatchObject({ code: 'reauthorization_required', cause: 'refused', at: life.now() });
    expect({ trouble, attemptAt, version }).toEqual({ version: 2 });
    await staysOver(life);
    expect(life.faulty.requests).toHaveLength(1);
  });

  it.each(REFUSED_CLIENT)('%s: is told, and over as soon as it is mended', async (fault) => {
    const life = await begin(await makePlace());
    life.faulty.plan(fault);
    expect(await life.ask()).toBe('config_invalid');
    const { failure, trouble, attemptAt, version } = await life.stored();
    expect({ failure, attemptAt, version }).toEqual({ version: 1 });
    expect(trouble).toMatchObject({ code: 'config_invalid', at: life.now(), until: life.now(), count: 1 });
    expect(await life.ask()).toBe('version 2');
    await worksNow(life);
    expect(life.faulty.requests).toHaveLength(2);
  });
});

describe('a refresh whose token has a minute left', () => {
  const inMemory = async (): Promise<Life> => {
    const { memoryStore } = await import('../../src/keystore/memory.ts');
    const store = memoryStore();
    return begin({ open: async () => store, persistent: false }, 'due');
  };

  it.each([...PASSING.map((it) => it.fault), ...REFUSED_CLIENT])('%s: that token serves on', async (fault) => {
    const life = await inMemory();
    life.faulty.plan(fault);
    expect(await life.ask()).toBe('version 1');
    expect(await life.me()).toBe(200);
    expect((await life.stored()).failure).toBeUndefined();
  });

  it.each(FINAL)('%s: is over all the same', async (fault) => {
    const life = await inMemory();
    life.faulty.plan(fault);
    expect(await life.ask()).toBe('reauthorization_required');
    await staysOver(life);
  });

  it('is asked for less and less often while the provider is down, and never as often as it is called', async () => {
    const life = await inMemory();
    life.faulty.plan(...Array<FaultName>(200).fill('error_500_then_ok'));
    const end = life.now() + 3_600_000;
    while (life.now() < end) {
      expect(await life.ask()).toMatch(/^(version 1|refresh_failed)$/);
      life.pass(10_000);
    }
    // A minute apart in the end.
    expect(life.faulty.requests.length).toBeLessThan(110);
    life.faulty.plan();
  });
});
