import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { watchChanges } from '../../src/mcp/changes.ts';

it.each(['refresh.js', 'methods/refresh.js'])('a changed script counts as a changed definition: %s', async (name) => {
  const root = await mkdtemp(join(tmpdir(), 'tieline-'));
  await mkdir(join(root, 'demo', 'methods'), { recursive: true });
  await writeFile(join(root, 'demo', name), '() => ({})');
  let stop = () => {};
  onTestFinished(async () => {
    stop();
    await rm(root, { recursive: true });
  });
  const looked = new Promise<boolean>((resolve) => {
    stop = watchChanges({ storeFile: undefined, definitions: [root] }, async (definitions) => resolve(definitions));
  });
  await writeFile(join(root, 'demo', name), '() => ({ n: 1 })');
  expect(await looked).toBe(true);
});
