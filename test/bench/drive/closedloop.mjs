import { quantile } from '../report/stats.mjs';

/** Besides the first answer, one in so many is looked at as a whole. */
const SAMPLE = 500;

/** Bytes by which right answers differ: digits of ids, sizes of chunks. */
const TOLERANCE = 64;

const MOST_PROBLEMS = 3;

/**
 * Keeps `concurrency` questions under way until `ms` milliseconds are over or `count` answers are there, and gives
 * `{ calls, ms, perSecond, p50, p99, problems }`, times in milliseconds. `ask(place, done)` sends the next one from one of
 * the places; `done` takes the answer, or nothing and the problem. A wrong answer is a problem: `check` looks into a
 * sample, and all others must be as long.
 */
export function closedLoop({ ask, check = () => {}, concurrency, ms = Infinity, count = Infinity }) {
  return new Promise((resolve) => {
    const times = [];
    const problems = [];
    let length;
    let sent = 0;
    let underWay = 0;
    const begin = performance.now();
    const judge = (answer, problem) => {
      if (problem) return problem;
      if (length !== undefined && times.length % SAMPLE > 0) {
        const isAlike = Math.abs(answer.length - length) <= TOLERANCE;
        return isAlike ? undefined : `an answer of ${answer.length} bytes instead of ${length}: ${opening(answer)}`;
      }
      length ??= answer.length;
      return check(answer);
    };
    const next = (place) => {
      const start = performance.now();
      sent += 1;
      underWay += 1;
      ask(place, (answer, failure) => {
        const now = performance.now();
        times.push(now - start);
        underWay -= 1;
        const problem = judge(answer, failure);
        if (problem) problems.push(problem);
        if (sent < count && now - begin < ms && problems.length < MOST_PROBLEMS) next(place);
        else if (underWay === 0) resolve(summary(times, now - begin, problems));
      });
    };
    for (let place = 0; place < Math.min(concurrency, count); place += 1) next(place);
  });
}

const opening = (bytes) => bytes.toString('utf8', 0, 200);

function summary(times, ms, problems) {
  times.sort((a, b) => a - b);
  const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
  return { calls: times.length, ms, perSecond: (times.length / ms) * 1_000, p50, p99, problems };
}
