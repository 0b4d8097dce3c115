import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist', import.meta.url));

/** What a built file imports when it is loaded; `import()` is not among it. */
const staticImports = (text: string): string[] =>
  [...text.matchAll(/^(?:import|export)\s(?:[^'"]*?\sfrom\s*)?['"]([^'"]+)['"]/gm)].map((it) => it[1] ?? '');

/** The sources in a built file: the bundler says above each where it comes from. */
const sourcesIn = (text: string): string[] => [...text.matchAll(/^\/\/ (\S+\.[cm]?[jt]s)$/gm)].map((it) => it[1] ?? '');

/** What is loaded with files of `dist/`: the sources that are in the bundle, and the packages that are not. */
export function loadedWith(...files: readonly string[]): { sources: string[]; packages: string[] } {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const sources: string[] = [];
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(file, 'utf8');
    sources.push(...sourcesIn(text));
    for (const target of staticImports(text)) {
      if (target.startsWith('.')) visit(resolve(dirname(file), target));
      else if (!target.startsWith('node:')) packages.add(target);
    }
  };
  for (const file of files) visit(join(dist, file));
  return { sources, packages: [...packages] };
}

/** The file of `dist/` that holds what a source exports, for those who import it on demand. */
export function chunkOf(importer: string, name: string): string {
  const text = readFileSync(join(dist, importer), 'utf8');
  const found = new RegExp(`import\\("\\./(chunks/${name}-[^"]+)"\\)`).exec(text)?.[1];
  if (found === undefined) throw new Error(`${importer} does not import ${name} on demand`);
  return found;
}
