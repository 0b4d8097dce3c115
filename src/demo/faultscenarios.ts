import { type ErrorCode, TielineError } from '../errors.ts';
import type { Status } from '../integration/status.ts';
import { FAULT_NAMES, type FaultName, isFaultName } from '../sandbox/faulty/faults.ts';

/** What one fault is to look like for a user. */
export type Scenario = {
  /** What the provider does with each token request, for people. */
  readonly provider: string;
  /** Seconds until the reply to the first token request comes; at once when absent. */
  readonly replyAfter?: number;
  readonly expected: Expected;
};

export type Got = 'ok' | ErrorCode;

/** How an account is while its provider misbehaves, and afterwards. */
export type Course = readonly [during: Status['status'], after: Status['status']];

export type Expected = {
  /** Two calls while the token has a minute left, two once it is over, one after the fault. */
  readonly calls: readonly [Got, Got, Got, Got, Got];
  /** Token requests in all. */
  readonly asked: number;
  /** How often the API refused a token that was taken for good; never when absent. */
  readonly rejected?: number;
  readonly status: Course;
  /** A part of why the account is not active in the end. */
  readonly cause?: string;
  /** How long the fourth call is told to wait before a repetition can succeed: from and to. Seconds. */
  readonly wait?: readonly [number, number];
};

/** Nothing is to be seen of it: one refresh, and one more when the new token is over, with what was kept of the first. */
const SERVED: Expected = { calls: ['ok', 'ok', 'ok', 'ok', 'ok'], asked: 2, status: ['active', 'active'] };

/** Nothing says when the new token ends: the API does, once. */
const UNKNOWN_EXPIRY: Expected = { ...SERVED, rejected: 1 };

/** The token serves while it lasts; then calls fail until the provider may be asked again, and it is not asked before. */
const passing = (...wait: [number, number]): Expected => ({
  calls: ['ok', 'ok', 'refresh_failed', 'refresh_failed', 'ok'],
  asked: 3,
  status: ['error', 'active'],
  wait,
});

/** An eighth of the minute that it has been going on, somewhat more or less, where the provider does not say. */
const PASSING = passing(5, 10);

const REAUTHORIZE = 'reauthorization_required';

/** The refresh token is spent and the new one never came: told apart from a refusal, and not tried a third time. */
const LOST: Expected = {
  calls: ['ok', 'ok', REAUTHORIZE, REAUTHORIZE, REAUTHORIZE],
  asked: 2,
  status: ['reauth_required', 'reauth_required'],
  cause: 'an earlier refresh was interrupted and its answer lost',
};

/** The grant is over: said at once, and the provider is not asked again. */
const over = (cause: string): Expected => ({
  calls: [REAUTHORIZE, REAUTHORIZE, REAUTHORIZE, REAUTHORIZE, REAUTHORIZE],
  asked: 1,
  status: ['reauth_required', 'reauth_required'],
  cause,
});

/** An operator has to mend it, and sees with the next call that it is mended: each call asks once. */
const MISCONFIGURED: Expected = {
  calls: ['ok', 'ok', 'config_invalid', 'config_invalid', 'ok'],
  asked: 5,
  status: ['error', 'active'],
};

export const SCENARIOS: Readonly<Record<FaultName, Scenario>> = {
  none: { provider: 'answers as it should', expected: SERVED },

  lost_reply: { provider: 'rotates; the reply is lost', expected: LOST },
  late_reply: { provider: 'rotates; the reply is late', replyAfter: 80, expected: SERVED },
  reset: { provider: 'resets the connection', expected: PASSING },
  redirect_other_host: { provider: 'redirects to another host', expected: PASSING },

  error_500_then_ok: { provider: '500, later 200', expected: PASSING },
  temporarily_unavailable: { provider: '400 temporarily_unavailable', expected: PASSING },
  rate_limited_seconds: { provider: '429, Retry-After: 17', expected: passing(17, 17) },
  rate_limited_date: { provider: '429, Retry-After: a date in 17 s', expected: passing(17, 17) },
  rate_limited_no_header: { provider: '429, no Retry-After', expected: PASSING },

  html_200: { provider: '200, a page of HTML', expected: PASSING },
  empty_200: { provider: '200, nothing in it', expected: PASSING },
  ok_false_200: { provider: '200, ok: false for now', expected: PASSING },
  error_200: { provider: '200, a refusal as a form', expected: over('bad_refresh_token') },
  truncated_json: { provider: 'rotates; half of the JSON comes', expected: LOST },

  no_expires_in: { provider: 'rotates; no expires_in', expected: UNKNOWN_EXPIRY },
  expires_in_text: { provider: 'rotates; expires_in as text', expected: SERVED },
  expires_in_zero: { provider: 'rotates; expires_in: 0', expected: UNKNOWN_EXPIRY },
  expires_at: { provider: 'rotates; expires_at alone', expected: UNKNOWN_EXPIRY },
  clock_ahead: { provider: 'rotates; its clock is a day ahead', expected: SERVED },
  clock_behind: { provider: 'rotates; its clock is a day behind', expected: SERVED },
  no_new_refresh_token: { provider: 'no new refresh token', expected: SERVED },
  huge_body: { provider: '2 MB of JSON', expected: PASSING },
  wrong_content_type: { provider: 'rotates; JSON called text/html', expected: SERVED },
  form_encoded: { provider: 'rotates; a form instead of JSON', expected: SERVED },
  nested_token: { provider: 'rotates; tokens in an odd place', expected: LOST },

  google_invalid_grant: { provider: 'Google: the grant is over', expected: over('expired or revoked') },
  microsoft_invalid_grant: { provider: 'Microsoft: the grant is over', expected: over('AADSTS50173') },
  salesforce_invalid_grant: {
    provider: 'Salesforce: the grant is over',
    expected: over('expired access/refresh token'),
  },
  slack_token_revoked: { provider: 'Slack: the grant is over', expected: over('token_revoked') },
  github_bad_refresh_token: { provider: 'GitHub: the grant is over', expected: over('bad_refresh_token') },

  invalid_client: { provider: '401 invalid_client', expected: MISCONFIGURED },
  unauthorized_client: { provider: '400 unauthorized_client', expected: MISCONFIGURED },
};

/** `ok ×2, refresh_failed ×2, ok` */
export function callsTold(calls: readonly Got[]): string {
  const runs: { got: Got; times: number }[] = [];
  for (const got of calls) {
    const last = runs.at(-1);
    if (last?.got === got) last.times += 1;
    else runs.push({ got, times: 1 });
  }
  return runs.map(({ got, times }) => (times === 1 ? got : `${got} ×${times}`)).join(', ');
}

/** The faults of these names, each once; all for `true`. Throws `usage` for a name that no fault has. */
export function faultsNamed(names: readonly string[] | true): readonly FaultName[] {
  if (names === true) return FAULT_NAMES;
  const unknown = names.find((it) => !isFaultName(it));
  if (unknown === undefined) return [...new Set(names.filter(isFaultName))];
  throw new TielineError('usage', `there is no fault ${unknown}`, { hint: `Use some of: ${FAULT_NAMES.join(', ')}` });
}
