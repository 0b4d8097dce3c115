import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environment } from '../e2e/program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tieline-package-'));
const installed = join(folder, 'node_modules', 'tieline');
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};

const node = (...args: readonly string[]) =>
  execFileSync(process.execPath, args, {
    cwd: folder,
    env: environment({ TIELINE_HOME: join(folder, 'home') }),
    encoding: 'utf8',
    input: '',
    stdio: 'pipe',
  });
const tieline = (...args: readonly string[]) => node(join(installed, 'dist', 'main.js'), ...args);

/** Another project, with the package as it is published and what it depends on. */
beforeAll(() => {
  const npm = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder];
  const file = execFileSync('npm', npm, { cwd: root, encoding: 'utf8' }).trim();
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['xzf', join(folder, file), '-C', installed, '--strip-components=1']);
  for (const name of Object.keys(dependencies)) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), link);
  }
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the package, in a project of its own', () => {
  it('runs its commands', () => {
    expect(tieline('--help')).toContain('Usage: tieline');
    expect(tieline('--version').trim()).toBe('0.1.0');
    expect(JSON.parse(tieline('connectors', 'list', '--all', '--json'))).toContainEqual(
      expect.objectContaining({ name: 'sandbox' }),
    );
    expect(tieline('mcp-config')).toContain(join(installed, 'dist', 'main.js'));
  });

  it('reads definitions, and runs what is written in them', () => {
    expect(tieline('connectors', 'lint', join(installed, 'connectors'))).toContain('all well');
  });

  it('gives the SDK', () => {
    const text = `
      import { connector, TielineError } from 'tieline';
      const failed = await connector('github', { credentials: {} }).execute('viewer', 'get').catch((it) => it);
      console.log(failed instanceof TielineError, failed.code);
    `;
    expect(node('--input-type=module', '-e', text)).toMatch(/^true /);
  });
});
