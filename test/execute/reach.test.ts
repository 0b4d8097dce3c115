import { describe, expect, it } from 'vitest';
import { checkUnencrypted, delegatedReach, type Reach, reachOf } from '../../src/execute/reach.ts';
import { connectorOf, failureOf } from './stage.ts';

const reach = (baseUrl: string, allowHosts: string[] = [], trustedCa?: string): Reach =>
  reachOf(
    {
      connector: connectorOf({ server: { baseUrl, allowHosts, ...(trustedCa && { trustedCa }) } }),
      scope: { account: {} },
    },
    undefined,
  );

describe('the hosts of a connector', () => {
  it.each([
    ['https://api.example/v1', [], ['api.example']],
    [
      'https://api.example:8443',
      ['files.example', 'http://a.example:81', 'b.example:82'],
      ['api.example:8443', 'files.example', 'a.example:81', 'b.example:82'],
    ],
    ['{{ account.baseUrl }}', ['files.example'], ['files.example']],
  ])('of %s and %j are %j', (baseUrl, allowHosts, hosts) => {
    expect([...reach(baseUrl, allowHosts).hosts]).toEqual(hosts);
  });
});

describe('requests with an account of another connector', () => {
  it('go where both may, with what the account trusts and shows', () => {
    const own = reach('https://own.example', ['shared.example', 'api.example'], 'OWN CA');
    const account = reach('https://api.example', ['shared.example', 'other.example'], 'ITS CA');
    const both = delegatedReach(own, account);
    expect([...both.hosts].sort()).toEqual(['api.example', 'shared.example']);
    expect(both.home?.href).toBe('https://api.example/');
    expect(both.tls?.ca).toBe('ITS CA');
    expect(delegatedReach(own, reach('https://api.example')).tls?.ca).toBeUndefined();
  });

  it.each([
    ['https://api.example/a', 'https://api.example', true],
    ['https://shared.example/a', 'http://api.example', true],
    ['http://api.example/a', 'http://api.example', true],
    ['http://api.example/a', 'https://api.example', false],
    ['http://api.example/a', '{{ account.baseUrl }}', false],
  ])('to %s with one of %s: %s', async (url, baseUrl, isFine) => {
    const check = () => checkUnencrypted(new URL(url), reach(baseUrl));
    if (isFine) expect(check).not.toThrow();
    else expect((await failureOf(check)).code).toBe('target_forbidden');
  });
});
