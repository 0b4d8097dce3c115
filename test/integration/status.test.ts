import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Credential } from '../../src/auth/credential.ts';
import { renewingStatus, type Status, type StatusOptions, statusOf } from '../../src/integration/status.ts';

const NOW = Date.UTC(2026, 4, 1, 12);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const integration = { connector: 'sandbox', identifier: 'work' };
const CONNECT = 'Connect the account again: tieline connect sandbox --identifier work --reconnect';

const credential = (more: Partial<Credential>): Credential => ({
  version: 3,
  input: {},
  values: { accessToken: 'a' },
  obtainedAt: NOW - HOUR,
  ...more,
});

const failure = { code: 'reauthorization_required', cause: 'refused', message: 'it was revoked', at: NOW - 5 } as const;
const trouble = { code: 'refresh_failed', message: 'it is down', at: NOW - 5_000, until: NOW + 90_000, count: 4 };
const noToken = (day: string) => ({
  code: 'no_refresh_token',
  message: `the provider gave no refresh token: access ends on ${day} UTC`,
});
const ends = (day: string) => ({
  code: 'grant_ends',
  message: `the authorization ends on ${day} UTC, whatever is done until then`,
});

const CASES: [string, Partial<Credential>, boolean, Status | Record<string, unknown>][] = [
  ['a key that never ends', {}, false, { status: 'active' }],
  ['a token that lasts', { expiresAt: NOW + HOUR }, true, { status: 'active', expiresAt: NOW + HOUR }],
  [
    'a token that is over, and is renewed when needed',
    { expiresAt: NOW - 1 },
    true,
    { status: 'active', expiresAt: NOW - 1 },
  ],
  [
    'a failure for good',
    { failure, trouble, expiresAt: NOW + HOUR },
    true,
    { status: 'reauth_required', cause: 'it was revoked', at: NOW - 5, expiresAt: NOW + HOUR, nextStep: CONNECT },
  ],
  ['trouble, with a token that lasts', { trouble, expiresAt: NOW + 1 }, true, { status: 'active', expiresAt: NOW + 1 }],
  [
    'trouble, and the token is over',
    { trouble, expiresAt: NOW },
    true,
    {
      status: 'error',
      cause: 'it is down',
      at: NOW - 5_000,
      expiresAt: NOW,
      nextStep: 'Nothing: the provider is asked again after 2026-05-01 12:01 UTC.',
    },
  ],
  [
    'trouble whose wait is over',
    { trouble: { ...trouble, until: NOW }, expiresAt: NOW },
    true,
    {
      status: 'error',
      cause: 'it is down',
      at: NOW - 5_000,
      expiresAt: NOW,
      nextStep: 'Nothing: the provider is asked again with the next call.',
    },
  ],
  [
    'trouble that an operator has to mend, with no token at all',
    { trouble: { ...trouble, code: 'config_invalid', message: 'the client is unknown' } },
    true,
    {
      status: 'error',
      cause: 'the client is unknown',
      at: NOW - 5_000,
      nextStep: 'Check the app of this connector: tieline doctor',
    },
  ],
  [
    'nothing to renew it with, for another eight days',
    { expiresAt: NOW + 8 * DAY },
    false,
    { status: 'active', expiresAt: NOW + 8 * DAY, forecast: [noToken('2026-05-09 12:00')] },
  ],
  [
    'nothing to renew it with, for another week',
    { expiresAt: NOW + 7 * DAY },
    false,
    {
      status: 'expiring',
      cause: noToken('2026-05-08 12:00').message,
      at: NOW + 7 * DAY,
      expiresAt: NOW + 7 * DAY,
      nextStep: CONNECT,
      forecast: [noToken('2026-05-08 12:00')],
    },
  ],
  [
    'nothing to renew it with, and it is over',
    { expiresAt: NOW },
    false,
    {
      status: 'reauth_required',
      cause: 'the access has run out and cannot be renewed',
      at: NOW,
      expiresAt: NOW,
      nextStep: CONNECT,
    },
  ],
  [
    'nothing to renew it with, and it was refused',
    { trouble: { ...trouble, code: 'token_rejected', message: 'no longer accepted' } },
    false,
    { status: 'reauth_required', cause: 'no longer accepted', at: NOW - 5_000, nextStep: CONNECT },
  ],
  [
    'a grant that ends in a year',
    { expiresAt: NOW + HOUR, grantEndsAt: NOW + 365 * DAY },
    true,
    { status: 'active', expiresAt: NOW + HOUR, forecast: [ends('2027-05-01 12:00')] },
  ],
  [
    'a grant that ends tomorrow',
    { expiresAt: NOW - HOUR, grantEndsAt: NOW + DAY },
    true,
    {
      status: 'expiring',
      cause: ends('2026-05-02 12:00').message,
      at: NOW + DAY,
      expiresAt: NOW - HOUR,
      nextStep: CONNECT,
      forecast: [ends('2026-05-02 12:00')],
    },
  ],
  [
    'a grant that has ended, and its token too',
    { expiresAt: NOW - 1, grantEndsAt: NOW, trouble },
    true,
    {
      status: 'reauth_required',
      cause: 'the authorization has come to its end',
      at: NOW,
      expiresAt: NOW - 1,
      nextStep: CONNECT,
    },
  ],
  [
    'both: what comes first is the cause',
    { expiresAt: NOW + 2 * DAY, grantEndsAt: NOW + DAY },
    false,
    {
      status: 'expiring',
      cause: ends('2026-05-02 12:00').message,
      at: NOW + DAY,
      expiresAt: NOW + 2 * DAY,
      nextStep: CONNECT,
      forecast: [noToken('2026-05-03 12:00'), ends('2026-05-02 12:00')],
    },
  ],
];

describe('an account that serves no calls', () => {
  it.each([
    [
      'pending',
      { createdAt: NOW - HOUR, pendingUntil: NOW + 23 * HOUR },
      {
        status: 'pending',
        cause: 'nobody has finished connecting it yet; it is given up on 2026-05-02 11:00 UTC',
        at: NOW - HOUR,
        nextStep: 'Finish connecting: tieline connect sandbox --identifier work',
      },
    ],
    [
      'disabled',
      { createdAt: 0, disabledAt: NOW - 7 },
      {
        status: 'disabled',
        cause: 'it was disabled',
        at: NOW - 7,
        nextStep: 'Enable it: tieline integrations enable sandbox work',
      },
    ],
  ])('is %s whatever its credential is like', (_, more, expected) => {
    for (const stored of [undefined, credential({}), credential({ failure })]) {
      expect(statusOf({ ...integration, ...more }, stored, { now: NOW, canRenew: true })).toEqual(expected);
    }
  });

  it('is revoked when its owner ended the access', () => {
    const ended = credential({ failure: { ...failure, cause: 'revoked' } });
    expect(statusOf(integration, ended, { now: NOW, canRenew: true })).toEqual({
      status: 'revoked',
      cause: 'it was revoked',
      at: NOW - 5,
      nextStep: CONNECT,
    });
  });
});

describe('statusOf', () => {
  it.each(CASES)('%s', (_, more, canRenew, expected) => {
    expect(statusOf(integration, credential(more), { now: NOW, canRenew })).toEqual(expected);
  });

  it('knows a credential that is gone', () => {
    expect(statusOf(integration, undefined, { now: NOW, canRenew: true })).toEqual({
      status: 'reauth_required',
      cause: 'no credentials are stored',
      nextStep: CONNECT,
    });
  });

  it.each([
    ['ada@example.org', ' ada@example.org'],
    ['my account', " 'my account'"],
    ["Ada's; rm -rf ~", " 'Ada'\\''s; rm -rf ~'"],
    ['--json', '=--json'],
  ])('tells a step that a shell reads as it is meant: %s', (identifier, written) => {
    const { nextStep } = statusOf({ connector: 'sandbox', identifier }, undefined, { now: NOW, canRenew: true });
    expect(nextStep).toContain(`--identifier${written} --reconnect`);
  });

  it('says why and what to do whenever it is not active', () => {
    const time = fc.option(fc.integer({ min: NOW - 30 * DAY, max: NOW + 30 * DAY }), { nil: undefined });
    const some = fc.record({
      expiresAt: time,
      grantEndsAt: time,
      trouble: fc.option(fc.constant(trouble), { nil: undefined }),
      failure: fc.option(fc.constant(failure), { nil: undefined }),
      canRenew: fc.boolean(),
    });
    fc.assert(
      fc.property(some, ({ canRenew, ...more }) => {
        const present = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined));
        const options: StatusOptions = { now: NOW, canRenew };
        const { status, cause, nextStep } = statusOf(integration, credential(present), options);
        expect([cause, nextStep].every(Boolean)).toBe(status !== 'active');
        expect(status === 'reauth_required' || more.failure === undefined).toBe(true);
      }),
    );
  });
});

describe('renewingStatus', () => {
  const active: Status = { status: 'active', expiresAt: NOW };
  const process = { host: 'alpha', pid: 42 };

  it('tells since when and by which process an access is being renewed', () => {
    expect(renewingStatus(active, NOW - 5_000, { process, isGone: false })).toMatchObject({
      status: 'active',
      cause: 'its access is being renewed since 2026-05-01 11:59:55 UTC, by process 42 on alpha',
      at: NOW - 5_000,
      expiresAt: NOW,
    });
  });

  it.each([undefined, { process, isGone: true }])('tells that it was interrupted: %o', (holder) => {
    expect(renewingStatus(active, NOW - 5_000, holder).cause).toMatch(/interrupted/);
  });
});
