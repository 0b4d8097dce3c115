import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Grants } from '../../src/sandbox/grants.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

it('forgets a row when its time has passed', async () => {
  const tokens = new Grants().adapter('AccessToken');
  await tokens.upsert('t', { accountId: 'ada' }, 60);
  vi.setSystemTime(Date.now() + 59_000);
  expect(await tokens.find('t')).toEqual({ accountId: 'ada' });
  vi.setSystemTime(Date.now() + 1_000);
  expect(await tokens.find('t')).toBeUndefined();
});

it('keeps models, grants and lookups apart', async () => {
  const grants = new Grants();
  const [access, refresh, session] = ['AccessToken', 'RefreshToken', 'Session'].map((it) => grants.adapter(it));
  await access?.upsert('same', { grantId: 'g1' }, 60);
  await access?.upsert('other', { grantId: 'g2' }, 60);
  await refresh?.upsert('same', { grantId: 'g1' }, 60);
  await session?.upsert('s', { uid: 'u1' }, 60);
  await access?.revokeByGrantId('g1');
  expect(await access?.find('same')).toBeUndefined();
  expect(await access?.find('other')).toEqual({ grantId: 'g2' });
  expect(await refresh?.find('same')).toEqual({ grantId: 'g1' });
  expect(await session?.findByUid('u1')).toEqual({ uid: 'u1' });
  expect(await access?.findByUid('u1')).toBeUndefined();
});

it('still knows a used token', async () => {
  const refresh = new Grants().adapter('RefreshToken');
  await refresh.upsert('r', { grantId: 'g' }, 60);
  await refresh.consume('r');
  expect(await refresh.find('r')).toEqual({ grantId: 'g', consumed: Math.floor(Date.now() / 1000) });
});

it('holds any number of live rows and sweeps out dead ones', async () => {
  const tokens = new Grants().adapter('AccessToken');
  for (let n = 0; n < 3_000; n++) await tokens.upsert(`t${n}`, { jti: `t${n}` }, n % 2 === 0 ? 60 : 1);
  vi.setSystemTime(Date.now() + 2_000);
  for (let n = 3_000; n < 9_000; n++) await tokens.upsert(`t${n}`, { jti: `t${n}` }, 60);
  expect(await tokens.find('t0')).toEqual({ jti: 't0' });
  expect(await tokens.find('t1')).toBeUndefined();
  expect(await tokens.find('t8999')).toEqual({ jti: 't8999' });
});
