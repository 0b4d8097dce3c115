import { isDeepStrictEqual } from 'node:util';

/** Collects steps as rows `{ document, step, ok, ms, problem? }` and prints each when it is done, unless `isQuiet`. */
export function openTable({ isQuiet, write = (line) => process.stdout.write(`${line}\n`) }) {
  const rows = [];
  const tell = (document, step, ok) => {
    if (!isQuiet) write(`${document.padEnd(20)}  ${step.padEnd(93)}  ${ok}`);
  };
  tell('document', 'step', 'ok');
  /** What runs a step of a document and gives what it gives, or undefined where it failed. */
  const of = (document) => async (step, run) => {
    const start = performance.now();
    const row = { document, step, ok: true };
    let value;
    try {
      value = await run();
    } catch (error) {
      row.ok = false;
      row.problem = error instanceof Expectation ? error.message : `expected it to work, came ${told(error)}`;
    }
    row.ms = Math.round(performance.now() - start);
    rows.push(row);
    tell(document, step, row.ok ? 'ok' : 'FAILED');
    if (!row.ok && !isQuiet) write(`    ${row.problem.replaceAll('\n', '\n    ')}`);
    return value;
  };
  return { rows, of };
}

class Expectation extends Error {}

const shown = (value) => (typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value)));
/** Failures of Tieline say enough; of others it matters where they happened. */
function told(error) {
  if (typeof error?.code !== 'string') return String(error?.stack ?? error);
  return [`${error.code}: ${error.message}`, error.hint].filter((it) => it !== undefined).join('\n');
}

/** Throws what was expected and what came, unless the two are equal. */
export function same(came, expected, what) {
  if (isDeepStrictEqual(came, expected)) return;
  throw new Expectation(`${what}: expected ${shown(expected)}, came ${shown(came)}`);
}

/** The same for the keys of `expected` only. */
export function holds(came, expected, what) {
  same(Object.fromEntries(Object.keys(expected).map((key) => [key, came?.[key]])), expected, what);
}

export function matches(came, pattern, what) {
  if (typeof came === 'string' && pattern.test(came)) return;
  throw new Expectation(`${what}: expected text like ${pattern}, came ${shown(came)}`);
}

/** Throws unless `run` fails with this code of Tieline. */
export async function refused(run, code) {
  let value;
  try {
    value = await run();
  } catch (error) {
    if (error?.code === code) return;
    throw new Expectation(`expected the failure ${code}, came ${told(error)}`);
  }
  throw new Expectation(`expected the failure ${code}, came ${shown(value)}`);
}
