import { expect, it } from 'vitest';
import { wsse } from '../../../src/auth/sign/wsse.ts';

const created = new Date('2003-12-15T14:43:07.000Z');
const nonce = 'd36e316282959a9ed4c89851497a717f';

it('gives the header of "Atom Authentication" (xml.com, 2003)', () => {
  expect(wsse('bob', 'taadtaadpstcsm', { created, nonce })).toEqual({
    authorization: 'WSSE profile="UsernameToken"',
    'x-wsse':
      'UsernameToken Username="bob", PasswordDigest="quR/EWLAV4xLf9Zqyw4pDmfV9OY=", Nonce="d36e316282959a9ed4c89851497a717f", Created="2003-12-15T14:43:07Z"',
  });
});

it('spells the nonce in base64 where that is wanted, with the same digest', () => {
  const { 'x-wsse': token } = wsse('bob', 'taadtaadpstcsm', { created, nonce, base64Nonce: true });
  expect(token).toContain('PasswordDigest="quR/EWLAV4xLf9Zqyw4pDmfV9OY="');
  expect(token).toContain(`Nonce="${Buffer.from(nonce).toString('base64')}"`);
});

it('keeps quotes in a user name inside its field', () => {
  expect(wsse('a", Nonce="x', 'p', { created, nonce })['x-wsse']).toContain('Username="a\\", Nonce=\\"x", ');
});
