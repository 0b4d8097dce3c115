import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import { auth } from '../../src/connector/authspec.ts';
import { type AuthOption, buildConnector, type Connector } from '../../src/connector/connector.ts';
import { loadDefinition } from '../../src/connector/load.ts';

type Written = z.input<typeof auth>['options'][string];
type Mapping = NonNullable<NonNullable<Written['methods']>['getOAuthConfig']>['mapping'];

/** An auth option as a definition would say it, with the defaults of the format. */
export function authOption(written: Written): AuthOption {
  const spec = auth.parse({ options: { option: written } }).options.option;
  if (!spec) throw new Error('unreachable');
  return { key: 'option', spec, methods: spec.methods };
}

/** An OAuth option whose mapping is this one on top of a client, with its endpoints under `app.baseUrl`. */
export function oauthOption(
  mapping: Partial<Mapping> = {},
  more: { grant?: 'client_credentials'; scopes?: string[] } = {},
): AuthOption {
  const getOAuthConfig = {
    mapping: {
      clientId: '{{ app.clientId }}',
      clientSecret: '{{ app.clientSecret }}',
      authorizeUri: '{{ app.baseUrl }}/oauth/authorize',
      tokenUri: '{{ app.baseUrl }}/oauth/token',
      ...mapping,
    },
  };
  return authOption({ title: 'OAuth', type: 'oauth2', ...more, methods: { getOAuthConfig } });
}

/** The sandbox's own definition, as it is shipped. */
export async function sandboxConnector(): Promise<Connector> {
  const file = fileURLToPath(new URL('../../connectors/sandbox/connector.yaml', import.meta.url));
  return buildConnector(await loadDefinition(file));
}

export function optionOf(connector: Connector, key: string): AuthOption {
  const option = connector.options.get(key);
  if (!option) throw new Error(`no option ${key}`);
  return option;
}
