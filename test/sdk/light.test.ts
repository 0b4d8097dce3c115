import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));

/** What a file imports when it is loaded; `import()` is not among it. */
const staticImports = (text: string): string[] =>
  [...text.matchAll(/^(?:import|export)\s(?:[^'"]*?\sfrom\s*)?['"]([^'"]+)['"]/gm)].map((it) => it[1] ?? '');

it('loads nothing with the SDK but the SDK', () => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const target of staticImports(readFileSync(file, 'utf8'))) {
      if (target.startsWith('.')) visit(resolve(dirname(file), target));
      else packages.add(target);
    }
  };
  visit(join(dist, 'index.js'));
  expect([...packages]).toEqual([]);
  const files = [...seen].map((it) => relative(dist, it));
  expect(files).toContain(join('sdk', 'tieline.js'));
  expect(files.filter((it) => dirname(it) !== 'sdk' && !['index.js', 'errors.js'].includes(it))).toEqual([]);
});
