import type { Issued } from './family.ts';
import * as refusals from './refusals.ts';
import { type Answer, form, json, page } from './refusals.ts';

/** What an answer is made of besides tokens. */
export type Moment = {
  /** Epoch milliseconds. */
  readonly now: number;
  /** Seconds. */
  readonly accessTokenTtl: number;
  /** Seconds. */
  readonly retryAfter: number;
  /** An origin that no client has reason to talk to. */
  readonly elsewhere: string;
};

/**
 * A token request that is answered badly. Before that the grant is treated honestly: `rotate` spends the refresh token,
 * `reissue` leaves it good, `revoke` ends the family, and with `nothing` the request never got as far as the grant.
 * Where `rotate` or `reissue` cannot be, the refusal is honest too, and the fault is over.
 */
export type Fault = WithTokens<'rotate'> | WithTokens<'reissue'> | Without<'nothing'> | Without<'revoke'>;

type WithTokens<Effect> = {
  readonly effect: Effect;
  readonly late?: true;
  answer(tokens: Issued, moment: Moment): Answer;
};

type Without<Effect> = { readonly effect: Effect; answer(moment: Moment): Answer };

const DAY = 24 * 60 * 60 * 1000;
const HUGE = 2 * 1024 * 1024;

export const FAULTS = {
  none: { effect: 'rotate', answer: (tokens, moment) => json(200, body(tokens, moment)) },

  // the connection
  lost_reply: { effect: 'rotate', answer: () => 'cut' },
  late_reply: { effect: 'rotate', late: true, answer: (tokens, moment) => json(200, body(tokens, moment)) },
  reset: { effect: 'nothing', answer: () => 'reset' },
  redirect_other_host: {
    effect: 'nothing',
    answer: ({ elsewhere }) => ({ status: 307, headers: { location: `${elsewhere}/token` }, body: '' }),
  },

  // the moment
  error_500_then_ok: { effect: 'nothing', answer: () => json(500, { error: 'server_error' }) },
  temporarily_unavailable: { effect: 'nothing', answer: () => refusals.unavailable },
  rate_limited_seconds: { effect: 'nothing', answer: ({ retryAfter }) => limited(String(retryAfter)) },
  /** RFC 9110 §10.2.3 */
  rate_limited_date: {
    effect: 'nothing',
    answer: ({ now, retryAfter }) => limited(new Date(now + retryAfter * 1000).toUTCString()),
  },
  rate_limited_no_header: { effect: 'nothing', answer: () => refusals.slackLimit },

  // 200, and yet no success
  html_200: { effect: 'nothing', answer: () => page(200, 'Down for maintenance') },
  empty_200: { effect: 'nothing', answer: () => ({ status: 200, headers: {}, body: '' }) },
  ok_false_200: { effect: 'nothing', answer: () => refusals.slackTrouble },
  error_200: { effect: 'revoke', answer: () => refusals.gitHubForm },
  truncated_json: {
    effect: 'rotate',
    answer: (tokens, moment) => {
      const whole = json(200, body(tokens, moment));
      return { ...whole, body: whole.body.slice(0, whole.body.length / 2) };
    },
  },

  // tokens in an odd form
  no_expires_in: {
    effect: 'rotate',
    answer: (tokens, moment) => json(200, { ...body(tokens, moment), expires_in: undefined }),
  },
  expires_in_text: {
    effect: 'rotate',
    answer: (tokens, moment) => json(200, { ...body(tokens, moment), expires_in: String(moment.accessTokenTtl) }),
  },
  expires_in_zero: {
    effect: 'rotate',
    answer: (tokens, moment) => json(200, { ...body(tokens, moment), expires_in: 0 }),
  },
  /** Epoch seconds, and nothing else. */
  expires_at: {
    effect: 'rotate',
    answer: (tokens, moment) =>
      json(200, { ...body(tokens, moment), expires_in: undefined, expires_at: expiry(moment, moment.now) }),
  },
  clock_ahead: { effect: 'rotate', answer: (tokens, moment) => byClock(tokens, moment, moment.now + DAY) },
  clock_behind: { effect: 'rotate', answer: (tokens, moment) => byClock(tokens, moment, moment.now - DAY) },
  /** As Google does: the old one stays good. */
  no_new_refresh_token: { effect: 'reissue', answer: (tokens, moment) => json(200, body(tokens, moment)) },
  /** Whoever reads all of it finds good tokens. */
  huge_body: {
    effect: 'reissue',
    answer: (tokens, moment) => json(200, { ...body(tokens, moment), padding: 'x'.repeat(HUGE) }),
  },
  wrong_content_type: {
    effect: 'rotate',
    answer: (tokens, moment) => json(200, body(tokens, moment), { headers: { 'content-type': 'text/html' } }),
  },
  /** As GitHub answers without `Accept: application/json`. */
  form_encoded: {
    effect: 'rotate',
    answer: (tokens, { accessTokenTtl }) =>
      form({
        access_token: tokens.accessToken,
        expires_in: String(accessTokenTtl),
        ...(tokens.refreshToken !== undefined && { refresh_token: tokens.refreshToken }),
        refresh_token_expires_in: '15897600',
        scope: '',
        token_type: 'bearer',
      }),
  },
  /** Slack's oauth.v2.access for an app with user scopes only. */
  nested_token: {
    effect: 'rotate',
    answer: (tokens, moment) => json(200, slackUser(tokens, moment), { charset: 'utf-8' }),
  },

  // the grant is over
  google_invalid_grant: { effect: 'revoke', answer: () => refusals.google },
  microsoft_invalid_grant: { effect: 'revoke', answer: () => refusals.microsoft },
  salesforce_invalid_grant: { effect: 'revoke', answer: () => refusals.salesforce },
  slack_token_revoked: { effect: 'revoke', answer: () => refusals.slackRevoked },
  github_bad_refresh_token: { effect: 'revoke', answer: () => refusals.gitHub },

  // the client is refused, the grant is not
  invalid_client: { effect: 'nothing', answer: () => refusals.invalidClient },
  unauthorized_client: { effect: 'nothing', answer: () => refusals.unauthorizedClient },
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof FAULTS;

export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[];

export function isFaultName(value: unknown): value is FaultName {
  return typeof value === 'string' && Object.hasOwn(FAULTS, value);
}

/** RFC 6749 §5.1. */
function body({ accessToken, refreshToken }: Issued, { accessTokenTtl }: Moment) {
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: accessTokenTtl,
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    scope: 'read write',
  };
}

function byClock(tokens: Issued, moment: Moment, clock: number): Answer {
  const headers = { date: new Date(clock).toUTCString() };
  return json(200, { ...body(tokens, moment), expires_at: expiry(moment, clock) }, { headers });
}

function expiry({ accessTokenTtl }: Moment, clock: number): number {
  return Math.floor(clock / 1000) + accessTokenTtl;
}

function slackUser({ accessToken, refreshToken }: Issued, { accessTokenTtl }: Moment) {
  const user = { id: 'U0001', scope: 'chat:write', access_token: accessToken, token_type: 'user' };
  return {
    ok: true,
    app_id: 'A0001',
    authed_user: { ...user, expires_in: accessTokenTtl, refresh_token: refreshToken },
    team: { id: 'T0001', name: 'Analytical Engines' },
    enterprise: null,
    is_enterprise_install: false,
  };
}

function limited(retryAfter: string): Answer {
  const { status, headers, body } = refusals.slackLimit;
  return { status, headers: { ...headers, 'retry-after': retryAfter }, body };
}
