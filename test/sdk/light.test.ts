import { expect, it } from 'vitest';
import { loadedWith } from '../bundled.ts';

it('loads nothing with the SDK but the SDK', () => {
  const { sources, packages } = loadedWith('index.js');
  expect(packages).toEqual([]);
  expect(sources).toContain('src/sdk/tieline.ts');
  expect(sources.filter((it) => !it.startsWith('src/sdk/') && it !== 'src/errors.ts')).toEqual([]);
});
