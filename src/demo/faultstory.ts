import type { Status } from '../integration/status.ts';
import type { FaultName } from '../sandbox/faulty/faults.ts';
import type { FaultyOAuth } from '../sandbox/faulty/faultyoauth.ts';
import { callsTold, type Got, SCENARIOS, type Scenario } from './faultscenarios.ts';
import { type Answer, type FaultStage, TOKEN_LIFE } from './faultstage.ts';

type Condition = { readonly status: Status['status']; readonly cause: string | undefined };

/** What was seen of one fault, by the caller and by the provider. */
export type FaultSeen = {
  readonly fault: FaultName;
  /** What the provider did with each token request. */
  readonly provider: string;
  readonly calls: readonly { readonly got: Got; readonly retryAfter?: number | undefined }[];
  /** Token requests in all. */
  readonly asked: number;
  /** How often the API refused a token. */
  readonly rejected: number;
  /** Of the account, while the provider misbehaved and afterwards. */
  readonly during: Condition;
  readonly after: Condition;
  readonly ok: boolean;
  /** What is not as the scenario states. */
  readonly problems: readonly string[];
};

/** More token requests than any scenario has. */
const ALL = 100;

/** Plays one fault: from a token that is due until after the provider has come to its senses. */
export async function playFault(
  stage: FaultStage,
  fault: FaultName,
  scenario: Scenario = SCENARIOS[fault],
): Promise<FaultSeen> {
  const { faulty } = stage;
  stage.pass(TOKEN_LIFE - 60);
  faulty.plan(...Array<FaultName>(ALL).fill(fault));
  const answers = [await firstCall(stage, scenario), await stage.call()];
  stage.pass(61);
  answers.push(await stage.call(), await stage.call());
  const during = await stage.status();
  faulty.behave();
  // As long as the caller was told, and not a moment longer; or until a token of the first refresh is over.
  stage.pass(answers.at(-1)?.retryAfter ?? TOKEN_LIFE);
  answers.push(await stage.call());
  const after = await stage.status();
  const seen = {
    fault,
    provider: scenario.provider,
    calls: answers.map(({ got, retryAfter }) => ({ got, retryAfter })),
    asked: faulty.requests.length,
    rejected: faulty.calls.filter((it) => it.status === 401).length,
    during: { status: during.status, cause: during.cause },
    after: { status: after.status, cause: after.cause },
  };
  const shown = JSON.stringify([answers, during, after]);
  const problems = [...mismatches(seen, scenario), ...harm(stage, seen.after.status, shown)];
  return { ...seen, ok: problems.length === 0, problems };
}

async function firstCall(stage: FaultStage, { replyAfter }: Scenario): Promise<Answer> {
  if (replyAfter === undefined) return stage.call();
  const hold = stage.faulty.hold();
  const answer = stage.call();
  await Promise.race([hold.arrived, answer]);
  stage.pass(replyAfter);
  hold.release();
  return answer;
}

/** What differs from what the scenario states. */
function mismatches(seen: Omit<FaultSeen, 'ok' | 'problems'>, { expected }: Scenario): string[] {
  const { calls, asked, rejected, during, after } = seen;
  const compared: [what: string, is: unknown, shouldBe: unknown][] = [
    ['calls', callsTold(calls.map((it) => it.got)), callsTold(expected.calls)],
    ['token requests', asked, expected.asked],
    ['tokens refused by the API', rejected, expected.rejected ?? 0],
    ['status', `${during.status}, ${after.status}`, expected.status.join(', ')],
  ];
  const problems = compared.flatMap(([what, is, shouldBe]) =>
    is === shouldBe ? [] : [`${what}: ${is} instead of ${shouldBe}`],
  );
  const [least, most] = expected.wait ?? [undefined, undefined];
  const wait = calls[3]?.retryAfter;
  const isWaitRight = least === undefined ? wait === undefined : wait !== undefined && wait >= least && wait <= most;
  if (!isWaitRight) problems.push(`seconds to wait: ${wait} instead of ${least} to ${most}`);
  const isCauseTold = expected.cause === undefined || after.cause?.includes(expected.cause);
  return isCauseTold ? problems : [...problems, `the cause does not say "${expected.cause}"`];
}

/** What must not happen under any fault. */
function harm({ faulty, refreshToken }: FaultStage, status: Status['status'], shown: string): string[] {
  const problems: string[] = [];
  const isAlive = faulty.familyAlive(refreshToken);
  const isGivenUp = status === 'reauth_required';
  if (isAlive && isGivenUp) problems.push('given up, although the grant is alive');
  if (!isAlive && !isGivenUp) problems.push('the grant is over, and nobody is told');
  if (faulty.elsewhere.requests.length > 0) problems.push('another host was asked');
  if (secretsOf(faulty, refreshToken).some((it) => shown.includes(it))) problems.push('a secret was shown');
  return problems;
}

const secretsOf = ({ requests, clientSecret }: FaultyOAuth, first: string): string[] => [
  clientSecret,
  first,
  ...requests.flatMap(({ issued }) => [issued?.accessToken, issued?.refreshToken].filter((it) => it !== undefined)),
];
