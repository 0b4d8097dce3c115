import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { refreshesDone } from '../auth/refreshes.ts';
import { loadCatalog } from '../connector/catalog.ts';
import { isTielineError } from '../errors.ts';
import { noAudit } from '../execute/audit.ts';
import { connectAccount } from '../execute/connect.ts';
import type { Engine } from '../execute/engine.ts';
import { execute } from '../execute/execute.ts';
import { accountStatus } from '../execute/health.ts';
import { openPolicy } from '../execute/policy.ts';
import { localPrincipal } from '../integration/principal.ts';
import type { Status } from '../integration/status.ts';
import { openKeystore } from '../keystore/keystore.ts';
import { createSender } from '../network/send.ts';
import { type FaultyOAuth, startFaultyOAuth } from '../sandbox/faulty/faultyoauth.ts';
import type { Got } from './faultscenarios.ts';

export type Answer = {
  readonly got: Got;
  /** Seconds. */
  readonly retryAfter?: number | undefined;
  /** All that the caller is shown, as JSON. */
  readonly shown: string;
};

/** One account at the faulty provider, in a Tieline home of its own, under a clock that only `pass` puts forward. */
export type FaultStage = {
  readonly faulty: FaultyOAuth;
  /** The account's refresh token as it was in the beginning. */
  readonly refreshToken: string;
  /** Calls an action as the account. */
  call(): Promise<Answer>;
  status(): Promise<Status>;
  pass(seconds: number): void;
  close(): Promise<void>;
};

/** Seconds. */
export const TOKEN_LIFE = 3_600;

export async function setFaultStage(): Promise<FaultStage> {
  let time = Date.now();
  const now = () => time;
  // How late a late reply is, is up to whoever holds it.
  const faulty = await startFaultyOAuth({ accessTokenTtl: TOKEN_LIFE, delayMs: 0, retryAfter: 17, now });
  const home = await mkdtemp(join(tmpdir(), 'tieline-demo-'));
  const folder = join(home, 'connectors', 'faulty');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'connector.yaml'), JSON.stringify(DEFINITION, null, 2));
  const env = { TIELINE_KEY: randomBytes(32).toString('base64') };
  const { keystore } = await openKeystore({ home, env });
  const { url, clientId, clientSecret } = faulty;
  const sender = createSender({ allowPrivate: [new URL(url).host] });
  const engine: Engine = {
    catalog: await loadCatalog({ folders: [join(home, 'connectors')] }),
    keystore,
    sender,
    audit: noAudit,
    policy: () => openPolicy,
    app: async () => ({ baseUrl: url, clientId, clientSecret }),
    now,
  };
  const close = async () => {
    await faulty.close();
    await refreshesDone();
    await Promise.all([sender.close(), keystore.close()]);
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  };
  const { accessToken, refreshToken } = faulty.newGrant('ada');
  const wanted = {
    connector: 'faulty',
    identifier: 'ada',
    input: {},
    tokens: { values: { accessToken, refreshToken }, expiresAt: time + TOKEN_LIFE * 1_000 },
  };
  const { integration } = await connectAccount(engine, localPrincipal, wanted).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return {
    faulty,
    refreshToken,
    async call() {
      try {
        const call = { connector: 'faulty', entity: 'profile', action: 'get', params: {} };
        return { got: 'ok', shown: JSON.stringify(await execute(engine, localPrincipal, call)) };
      } catch (error) {
        if (!isTielineError(error)) throw error;
        const { code, message, hint, retryAfter } = error;
        return { got: code, retryAfter, shown: JSON.stringify({ code, message, hint, retryAfter }) };
      }
    },
    status: () => accountStatus(engine, localPrincipal, integration),
    pass(seconds) {
      time += seconds * 1_000;
    },
    close,
  };
}

/** The provider as a connector, written as JSON, which YAML is a superset of. */
const DEFINITION = {
  format: 1,
  connector: 'faulty',
  version: '1.0.0',
  title: 'Faulty',
  summary: 'A provider that misbehaves on demand.',
  server: { baseUrl: '{{ app.baseUrl }}', testPath: '/me' },
  app: {
    schema: {
      type: 'object',
      required: ['baseUrl', 'clientId', 'clientSecret'],
      properties: {
        baseUrl: { type: 'string', title: 'Address of the provider' },
        clientId: { type: 'string', title: 'OAuth client ID' },
        clientSecret: { type: 'string', title: 'OAuth client secret', secret: true },
      },
    },
  },
  auth: {
    options: {
      oauth: {
        title: 'Sign in',
        type: 'oauth2',
        methods: {
          getOAuthConfig: {
            mapping: {
              clientId: '{{ app.clientId }}',
              clientSecret: '{{ app.clientSecret }}',
              authorizeUri: '{{ app.baseUrl }}/authorize',
              tokenUri: '{{ app.baseUrl }}/token',
            },
          },
        },
      },
    },
  },
  entities: {
    profile: {
      title: 'Profile',
      actions: { get: { summary: 'Whose account it is.', effect: 'read', request: { path: '/me' } } },
    },
  },
};
