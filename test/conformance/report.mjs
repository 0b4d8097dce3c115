const SCENARIO = /^[✓✗] (\S+): (\d+) passed, (\d+) failed$/gm;
const NOT_SCORED = /^ {2}[✓✗] (\S+) \(\S+\)$/gm;
const EXPECTED = /^ {2}~ (\S+)$/gm;
const TOTAL = /^Total: (\d+) passed, (\d+) failed$/m;

/**
 * What a run of the suite came to, read from the summary it prints: `{ run, ok, scenarios, checks, failed, ms }`, with
 * counts `{ passed, failed, expected }` of what is scored, where `expected` failed as it was expected to.
 */
export function reportOf(run, { code, summary }, ms) {
  const names = (pattern) => new Set([...summary.matchAll(pattern)].map(([, name]) => name));
  const all = [...summary.matchAll(SCENARIO)].map(([, name, passed, failed]) => ({
    name,
    passed: Number(passed),
    failed: Number(failed),
  }));
  const notScored = names(NOT_SCORED);
  const expected = names(EXPECTED);
  const scored = all.filter((it) => !notScored.has(it.name));
  const failed = scored.filter((it) => it.failed > 0 && !expected.has(it.name));
  const asExpected = scored.filter((it) => it.failed > 0 && expected.has(it.name));
  const scenarios = {
    passed: scored.length - failed.length - asExpected.length,
    failed: failed.length,
    expected: asExpected.length,
  };
  const checks = {
    passed: sum(scored, 'passed'),
    failed: sum(failed, 'failed'),
    expected: sum(asExpected, 'failed'),
  };
  const [, passed, notPassed] = TOTAL.exec(summary) ?? [];
  // Whoever cannot read what the suite prints must not say that all is well.
  const isRead = Number(passed) === sum(all, 'passed') && Number(notPassed) === sum(all, 'failed');
  const ok = code === 0 && isRead && scenarios.passed > 0 && failed.length === 0;
  return { run, ok, scenarios, checks, failed: failed.map((it) => it.name), ms };
}

const sum = (scenarios, key) => scenarios.reduce((total, it) => total + it[key], 0);

/** The reports for people, one line each. */
export function table(reports) {
  const columns = ['passed', 'failed', 'expected'];
  const cells = (texts) => texts.map((it) => String(it).padStart(9)).join('');
  const line = (run, scenarios, checks, end = '') =>
    `${run.padEnd(14)}${cells(scenarios)}   ${cells(checks)}  ${end}`.trimEnd();
  const counts = (of) => columns.map((it) => of[it]);
  const rows = reports.map(({ run, scenarios, checks, ok }) =>
    line(run, counts(scenarios), counts(checks), ok ? 'conforms' : 'DOES NOT CONFORM'),
  );
  const head = line('', ['scenarios', '', ''], ['checks', '', '']);
  return `${[head, line('run', columns, columns), ...rows].join('\n')}\n`;
}
