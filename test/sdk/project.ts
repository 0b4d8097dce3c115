import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const modules = join(root, 'node_modules');

const compilerOptions = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  module: 'nodenext',
  target: 'es2023',
  lib: ['es2023'],
  types: ['node'],
  skipLibCheck: true,
  noEmit: true,
};

export type Project = {
  readonly folder: string;
  write(name: string, text: string): void;
  remove(name: string): void;
  /** Problems of the compiler, each as `<file>:<line> <code>`. */
  compile(...flags: readonly string[]): string[];
  close(): void;
};

/** The folder of a program that has installed the package as it is built. */
export function openProject(): Project {
  const folder = mkdtempSync(join(tmpdir(), 'tieline-project-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules', 'tieline'));
  for (const it of ['@types', '@ai-sdk', 'ai']) symlinkSync(join(modules, it), join(folder, 'node_modules', it));
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  write('package.json', '{ "type": "module" }');
  write('tsconfig.json', JSON.stringify({ compilerOptions }));
  return {
    folder,
    write,
    remove: (name) => rmSync(join(folder, name)),
    compile(...flags) {
      const args = ['-p', folder, '--pretty', 'false', ...flags];
      const { stdout } = spawnSync(join(modules, '.bin', 'tsc'), args, { encoding: 'utf8', cwd: folder });
      return [...stdout.matchAll(/^(\S*)\((\d+),\d+\): error (TS\d+)/gm)].map((it) => `${it[1]}:${it[2]} ${it[3]}`);
    },
    close: () => rmSync(folder, { recursive: true }),
  };
}
