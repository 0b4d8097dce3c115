import { expect, it } from 'vitest';
import { install } from '../../src/sql/install.ts';

it('names the command that adds a driver', async () => {
  const missing = 'tieline-driver-that-nobody-has';
  await expect(install('pg', () => import(missing))).rejects.toMatchObject({
    code: 'config_invalid',
    hint: 'Run: npm install pg',
  });
  expect(await install('pg', async () => 1)).toBe(1);
});
