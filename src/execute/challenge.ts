import type { Challenge } from '../auth/type.ts';
import type { HttpResponse } from '../network/send.ts';

/** The last challenge of each account's host, so that most requests are answered at once. No secrets. */
const known = new Map<string, Challenge>();
const MOST = 1_000;

export type Challenged = {
  /** Names whose challenges are kept together, at the origin below. */
  readonly of: string;
  readonly origin: string;
  canAnswer(challenge: string): boolean;
  /** `next` gives what each request on the way, redirected ones too, has to answer. */
  send(next: () => Challenge | undefined): Promise<HttpResponse>;
};

/**
 * Sends a request with the answer to the last challenge known, if any, and once more where that was not accepted. A 401
 * means that nothing was done, so that this is right for writes too. A nonce that has become stale takes this way, and
 * servers that forget to say `stale=true` do as well; a wrong password is sent twice at most.
 */
export async function sendChallenged({ of, origin, canAnswer, send }: Challenged): Promise<HttpResponse> {
  const place = JSON.stringify([origin, of]);
  const response = await send(() => next(place));
  const asked = response.headers['www-authenticate'];
  if (response.status !== 401 || response.url.origin !== origin || asked === undefined || !canAnswer(asked)) {
    return response;
  }
  if (known.get(place)?.text !== asked) keep(place, { text: asked, count: 0 });
  const answered = await send(() => next(place) ?? keep(place, { text: asked, count: 1 }));
  // Whatever is wrong, the next request asks for a challenge of its own.
  if (answered.status === 401) known.delete(place);
  return answered;
}

/** Counts on: a server takes two requests of one count for a replay, also when they were sent at one time. */
function next(place: string): Challenge | undefined {
  const last = known.get(place);
  return last && keep(place, { ...last, count: last.count + 1 });
}

/** As the newest; the one that was not used for longest makes way. */
function keep(place: string, challenge: Challenge): Challenge {
  known.delete(place);
  known.set(place, challenge);
  const [oldest] = known.keys();
  if (known.size > MOST && oldest !== undefined) known.delete(oldest);
  return challenge;
}
