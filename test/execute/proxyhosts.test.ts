import { describe, expect, it } from 'vitest';
import { ask, bothConnectors, delegated, WORK } from './proxystage.ts';
import { failureOf, things } from './stage.ts';

const both = bothConnectors();
const { desk, helper, linked, tokensSeen } = both;

describe('where the credentials go', () => {
  const others = things({
    get: ask(
      { url: '{{ args.to }}', followRedirects: true },
      {
        params: { type: 'object', properties: { to: { type: 'string' } } },
      },
    ),
  });

  it('is never a host that only this connector declares', async () => {
    const stage = await linked(helper({ entities: others }));
    const error = await failureOf(stage.call('things.get', { to: `${both.thief.origin}/take` }));
    expect(error).toMatchObject({ code: 'target_forbidden', message: expect.stringContaining(both.thief.host) });
    expect([...both.provider.seen, ...both.thief.seen]).toEqual([]);
  });

  it('is never a host that only the other one declares', async () => {
    const stage = await linked(
      helper({ server: { baseUrl: both.provider.origin }, entities: others }),
      desk({ server: { baseUrl: both.provider.origin, allowHosts: [both.thief.host] } }),
    );
    expect((await failureOf(stage.call('things.get', { to: `${both.thief.origin}/take` }))).code).toBe(
      'target_forbidden',
    );
    expect(both.thief.seen).toEqual([]);
  });

  it('is one that both declare', async () => {
    const stage = await linked(
      helper({ entities: others }),
      desk({ server: { baseUrl: both.provider.origin, allowHosts: [both.thief.host] } }),
    );
    await stage.call('things.get', { to: `${both.thief.origin}/shared` });
    expect(both.thief.seen[0]?.headers.authorization).toBe(`Bearer ${WORK}`);
  });

  it.each(['server', 'client'])('is never a base URL of this connector’s own: by its %s', async (by) => {
    const makeApiClient = { mapping: { baseUri: both.thief.origin } };
    const own =
      by === 'server'
        ? helper({ server: { baseUrl: both.thief.origin } })
        : helper({ auth: { options: { desk: { ...delegated, methods: { makeApiClient } } } } });
    const stage = await linked(own);
    expect((await failureOf(stage.call('things.get'))).code).toBe('target_forbidden');
    expect(both.thief.seen).toEqual([]);
  });

  it('is never the same host without encryption, where the account’s own API has it', async () => {
    const stage = await linked(helper(), desk({ server: { baseUrl: `https://${both.provider.host}` } }));
    const error = await failureOf(stage.call('things.get'));
    expect(error).toMatchObject({ code: 'target_forbidden', message: expect.stringContaining('over https only') });
    expect(both.provider.seen).toEqual([]);
  });

  it('does not follow a redirect', async () => {
    both.provider.answer(() => ({ status: 302, headers: { location: `${both.thief.origin}/take` } }));
    const stage = await linked(helper({ entities: others }));
    await stage.call('things.get', { to: `${both.provider.origin}/moved` }).catch(() => {});
    expect(tokensSeen()).toEqual([`Bearer ${WORK}`]);
    for (const { headers, path } of both.thief.seen) expect(`${path} ${JSON.stringify(headers)}`).not.toContain(WORK);
  });
});
