import { afterAll, beforeAll, beforeEach, onTestFinished } from 'vitest';
import type { Connector } from '../../src/connector/connector.ts';
import { connectorOf, openStage, type Provider, reading, type Stage, startProvider, things } from './stage.ts';

export const WORK = 'work-token-0123456789';
export const HOME = 'home-token-9876543210';

export type Parts = Record<string, unknown>;

export const delegated = { title: 'An account of Desk', type: 'proxy', connector: 'desk' };
export const ask = (request: Parts, more: Parts = {}) => ({ ...reading, request, ...more });

/** Two connectors, of which one uses the accounts of the other. */
export type Both = {
  /** Of the account that is used, and of the connector that uses it. */
  readonly provider: Provider;
  readonly thief: Provider;
  /** The connector whose accounts are used, with a token and a client of its own. */
  desk(parts?: Parts): Connector;
  /** The connector that uses them: its definition is written by somebody else. */
  helper(parts?: Parts): Connector;
  stageOf(own?: Connector, other?: Connector): Promise<Stage>;
  /** The same with two accounts of the one, and an account of the other that uses the first. */
  linked(own?: Connector, other?: Connector): Promise<Stage>;
  tokensSeen(): (string | undefined)[];
};

/** For the tests of a file: providers that tell each request what it was sent with, and have seen nothing at first. */
export function bothConnectors(): Both {
  let provider: Provider;
  let thief: Provider;
  beforeAll(async () => {
    provider = await startProvider();
    thief = await startProvider();
  });
  afterAll(() => Promise.all([provider.close(), thief.close()]));
  beforeEach(() => {
    for (const it of [provider, thief]) {
      it.answer(({ headers }) => ({ body: { said: headers.authorization ?? null } }));
      it.seen.length = 0;
    }
  });
  const desk: Both['desk'] = (parts = {}) =>
    connectorOf({
      connector: 'desk',
      server: { baseUrl: provider.origin },
      auth: {
        options: {
          token: { title: 'Token', type: 'bearer' },
          client: {
            title: 'Client',
            type: 'oauth2',
            grant: 'client_credentials',
            methods: {
              getOAuthConfig: { mapping: { clientId: 'c', clientSecret: 's', tokenUri: `${provider.origin}/token` } },
            },
          },
        },
      },
      ...parts,
    });
  const helper: Both['helper'] = (parts = {}) =>
    connectorOf({
      connector: 'helper',
      server: { baseUrl: provider.origin, allowHosts: [thief.host] },
      auth: { options: { desk: delegated } },
      entities: things({ get: ask({ path: '/thing' }) }),
      ...parts,
    });
  const stageOf: Both['stageOf'] = async (own = helper(), other = desk()) => {
    const stage = await openStage([own, other]);
    onTestFinished(() => stage.close());
    return stage;
  };
  return {
    get provider() {
      return provider;
    },
    get thief() {
      return thief;
    },
    desk,
    helper,
    stageOf,
    async linked(own, other) {
      const stage = await stageOf(own, other);
      await stage.link('desk', { input: { token: WORK }, identifier: 'work' });
      await stage.link('desk', { input: { token: HOME }, identifier: 'home' });
      await stage.link('helper', { input: {} });
      provider.seen.length = 0;
      return stage;
    },
    tokensSeen: () => provider.seen.map((it) => it.headers.authorization),
  };
}
