import { stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { isTielineError } from '../../src/errors.ts';
import { openStore } from '../../src/keystore/open.ts';
import { temporaryFolder } from './place.ts';

it.each([
  ['sqlite:<absolute>', (path: string) => `sqlite:${path}`],
  ['sqlite://<absolute>', (path: string) => `sqlite://${path}`],
  ['sqlite:<relative>', (path: string) => `sqlite:${relative('.', path)}`],
  ['sqlite://<relative>', (path: string) => `sqlite://${relative('.', path)}`],
  ['SQLITE:<absolute>', (path: string) => `SQLITE:${path}`],
])('%s takes the path as it is', async (_, url) => {
  const path = join(await temporaryFolder(), 'a folder', '100%25 é?#.db');
  await (await openStore(url(path))).close();
  expect((await stat(path)).size).toBeGreaterThan(0);
});

it('memory: is empty each time', async () => {
  expect((await openStore('memory:')).driver).toBe('memory');
});

it.each([
  'mysql://app:hunter22@db.example/tieline',
  'constructor:hunter22',
  '/var/lib/hunter22.db',
  '',
  'sqlite:',
  'sqlite://',
  'sqlite::memory:',
  'sqlite:hunter22\0.db',
])('refuses %j, says what is supported and does not repeat it', async (url) => {
  const error = await openStore(url).catch((reason: unknown) => reason);
  if (!isTielineError(error)) throw new Error(`expected a TielineError, not ${error}`);
  expect(error.code).toBe('config_invalid');
  expect(error.hint).toMatch(/sqlite:<path>.*memory:/);
  expect(`${error.message} ${error.hint}`).not.toContain('hunter22');
});
