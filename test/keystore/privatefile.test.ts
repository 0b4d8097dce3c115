import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { publish, readPrivate } from '../../src/keystore/privatefile.ts';
import { temporaryFolder } from './place.ts';

it('a published file is seen whole or not at all', async () => {
  const path = join(await temporaryFolder(), 'file');
  const text = 'x'.repeat(8_000_000); // takes long enough to write to be caught half written
  const publishing = publish(path, text);
  let seen: string | undefined;
  while (seen === undefined) seen = await readPrivate(path);
  expect(seen.length).toBe(text.length);
  expect(await publishing).toBe(true);
});

it('a published file is private, alone, and never written over', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'file');
  expect(await publish(path, 'first')).toBe(true);
  expect(await publish(path, 'second')).toBe(false);
  expect(await readPrivate(path)).toBe('first');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(['file']);
});

it('a file that cannot be made is an error, not a key that was lost', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'file'), '');
  for (const path of [join(folder, 'absent', 'key'), join(folder, 'file', 'key')]) {
    await expect(publish(path, 'text')).rejects.toMatchObject({ code: 'key_invalid' });
  }
  expect(await readdir(folder)).toEqual(['file']);
});
