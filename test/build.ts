import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Tests of whole processes run the built program: it is built first if a source is newer. */
export function setup(): void {
  // What the build writes last, from sources and definitions.
  const built = join(root, 'dist', 'tieline.d.ts');
  const sources = Math.max(newest(join(root, 'src')), newest(join(root, 'connectors')));
  if (existsSync(built) && statSync(built).mtimeMs > sources) return;
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
}

function newest(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).reduce(
    (latest, it) => Math.max(latest, statSync(join(it.parentPath, it.name)).mtimeMs),
    0,
  );
}
