import { Refusal } from './refusal.ts';

const WINDOW = 60_000;

type Window = { readonly endsAt: number; calls: number };

/**
 * Counts the calls of each person in windows of a minute.
 *
 * The returned function gives the `X-RateLimit-*` headers for this call (the reset in seconds since 1970), or throws a
 * 429 with `Retry-After` in seconds.
 */
export function callLimit(
  callsPerMinute: number,
  now: () => number = Date.now,
): (person: string) => Record<string, string> {
  const windows = new Map<string, Window>();
  return (person) => {
    const at = now();
    const current = windows.get(person);
    const window = current && current.endsAt > at ? current : { endsAt: at + WINDOW, calls: 0 };
    windows.set(person, window);
    window.calls += 1;
    const headers = {
      'x-ratelimit-limit': String(callsPerMinute),
      'x-ratelimit-remaining': String(Math.max(0, callsPerMinute - window.calls)),
      'x-ratelimit-reset': String(Math.ceil(window.endsAt / 1000)),
    };
    if (window.calls <= callsPerMinute) return headers;
    const wait = Math.max(1, Math.ceil((window.endsAt - at) / 1000));
    throw new Refusal(429, 'rate_limited', `more than ${callsPerMinute} calls in a minute`, {
      headers: { ...headers, 'retry-after': String(wait) },
    });
  };
}
