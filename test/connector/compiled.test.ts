import { existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadDefinition } from '../../src/connector/load.ts';
import { temporary } from '../e2e/program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const names = readdirSync(join(root, 'connectors')).filter((it) =>
  existsSync(join(root, 'connectors', it, 'connector.yaml')),
);
const built = (await import(
  join(root, 'dist/connector/compiled.js')
)) as typeof import('../../src/connector/compiled.ts');

describe('a definition that the build has checked', () => {
  it.each(names)('is the same as when it is read: %s', async (name) => {
    const file = join(root, 'connectors', name, 'connector.yaml');
    const { definition } = await loadDefinition(file);
    expect((await built.readChecked(file)).definition).toEqual(JSON.parse(JSON.stringify(definition)));
    // Read by the build, not by the format: what stands there by default is there, and nothing is undefined.
    expect(JSON.parse(JSON.stringify(definition))).toEqual(definition);
  });

  it('is read anew when its text is another one, and refused when that is wrong', async () => {
    const folder = await temporary();
    onTestFinished(folder.remove);
    await mkdir(join(folder.path, 'sandbox'));
    const file = join(folder.path, 'sandbox', 'connector.yaml');
    await copyFile(join(root, 'connectors/sandbox/connector.yaml'), file);
    expect((await built.readChecked(file)).definition.title).toBe('Sandbox');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('title: Sandbox', 'title: Changed'));
    expect((await built.readChecked(file)).definition.title).toBe('Changed');
    await writeFile(file, text.replace('title: Sandbox', 'titel: Sandbox'));
    await expect(built.readChecked(file)).rejects.toMatchObject({ code: 'definition_invalid' });
    await rm(file);
    await expect(built.readChecked(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
