import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Connector } from '../../connector/connector.ts';
import { withDefaults } from '../../connector/schema.ts';
import { TielineError } from '../../errors.ts';
import { createAuthorization } from '../../execute/authorization.ts';
import { checkArguments } from '../../execute/validate.ts';
import { addPendingIntegration, readIntegrations } from '../../integration/accounts.ts';
import { checkIdentifier, isPending } from '../../integration/integration.ts';
import { readOrganization } from '../../integration/organization.ts';
import type { Principal } from '../../integration/principal.ts';
import { quoted } from '../../quoted.ts';
import { connectorOfType } from '../connectors.ts';
import type { Backend, Caller, Env } from '../context.ts';
import { customerOf } from '../customer.ts';
import { address, name as text, values } from '../fields.ts';
import { findIntegrationById } from '../integrations.ts';
import { failures } from '../problem.ts';
import { openRequestLimit } from '../ratelimit.ts';
import { body, json, router } from '../router.ts';
import { readSettings } from '../settings.ts';
import { choicesOf } from './choices.ts';

const wanted = z.object({
  customer_name: text.optional().openapi({ description: 'The user; made on first mention.' }),
  connector_type: text.openapi({ example: 'gmail' }),
  redirect_url: address.optional().openapi({
    description: 'Where the browser goes in the end, with connector_id or error added. One of the organization’s own.',
  }),
  name: text.optional().openapi({
    description: 'Identifier; who the account is by default. An integration of that name is there at once, `pending`.',
  }),
  auth_option: text.optional().openapi({ description: 'The way to connect; the person chooses by default.' }),
  credentials: values.default({}).openapi({ description: 'What the person is not asked for, such as a subdomain.' }),
  replication_config: values.optional().openapi({ description: 'Settings of the integration.' }),
  confirm: z.boolean().default(false).openapi({
    description:
      'Nothing is linked before POST …/oauth/confirm: redirect_url, which it needs, gets `confirmation` added instead of connector_id. For client API keys.',
  }),
  reconnect: text.optional().openapi({ description: 'Id of an integration that gets new credentials.' }),
});

const routes = {
  initiate: createRoute({
    method: 'post',
    path: '/integrations/connectors/oauth/initiate',
    tags: ['Connect flow'],
    summary: 'An address at which a person links an account, by signing in or by typing credentials',
    request: body(wanted, 'The account'),
    responses: {
      201: json(
        z.object({
          consent_url: z.url().openapi({ description: 'To be opened by the user in a browser, once.' }),
          authorization_id: z.string().openapi({ description: 'As secret as the address.' }),
          expires_at: z.iso.datetime(),
        }),
        'Where the person goes',
      ),
      ...failures(403, 404, 409),
    },
  }),
};

/** Links a minute for one user: each is kept for two days. */
const MOST_LINKS = 30;

type Wanted = z.infer<typeof wanted>;

/** Links at which people connect accounts, for programs. */
export function initiateRoutes(backend: Backend): OpenAPIHono<Env> {
  const { engine, url } = backend;
  const { keystore, now } = engine;
  const links = openRequestLimit(MOST_LINKS);
  const app = router();

  app.openapi(routes.initiate, async (context) => {
    const caller = context.get('caller');
    if (caller.kind === 'user' && !backend.authorizationServer) throw nowhereToSignIn();
    const { organization } = caller;
    const it = context.req.valid('json');
    const connector = connectorOfType(engine.catalog, it.connector_type);
    const settings = readSettings(connector, it.replication_config);
    await checkRedirect(backend, organization, it.redirect_url);
    if (it.confirm) checkConfirmable(caller, it);
    if (connector.settings && it.reconnect === undefined) {
      checkArguments(connector.settings, withDefaults(connector.settings, settings ?? {}), 'replication_config');
    }
    const choices = await choicesOf(backend, connector, {
      organization,
      option: it.auth_option,
      input: it.credentials,
    });
    const who = await whose(backend, caller, connector, it);
    links.spend(who.user, 'links');
    const identifier = it.name === undefined ? undefined : checkIdentifier(it.name);
    const authorization = await createAuthorization(
      keystore,
      {
        organization,
        user: who.user,
        connector: connector.name,
        option: it.auth_option,
        identifier,
        input: it.credentials,
        settings,
        reconnect: it.reconnect,
        redirectUrl: it.redirect_url,
        confirm: it.confirm || undefined,
        // Whoever has only a token of a user could send the link to somebody else, whose account would become theirs.
        requires: caller.kind === 'user' ? 'session' : undefined,
      },
      now(),
    );
    if (identifier !== undefined && it.reconnect === undefined) {
      await addPendingIntegration(keystore, who, {
        connector: connector.name,
        identifier,
        option: choices[0].key,
        settings: settings ?? {},
        createdAt: now(),
        pendingUntil: authorization.expiresAt,
      });
    }
    return context.json(
      {
        consent_url: `${url}/connect/${authorization.id}`,
        authorization_id: authorization.id,
        expires_at: new Date(authorization.expiresAt).toISOString(),
      },
      201,
    );
  });

  return app;
}

/** Throws `arguments_invalid` where nobody would be told the code, or where there is no program to tell it to. */
function checkConfirmable({ kind }: Caller, { redirect_url: redirectUrl }: Wanted): void {
  if (kind === 'client' && redirectUrl !== undefined) return;
  throw new TielineError('arguments_invalid', 'confirm is for client API keys, and needs redirect_url', {
    hint: 'Send redirect_url, or leave out confirm.',
  });
}

const nowhereToSignIn = (): TielineError =>
  new TielineError(
    'not_permitted',
    'a link of a user is for a browser in which they sign in, and there is no such page',
    {
      hint: 'Send a client API key, or ask the operator to turn on server.authorizationServer.',
    },
  );

/** Whole addresses are compared: anything looser has been a way to send what comes back to somebody else. */
async function checkRedirect(
  { engine }: Backend,
  organization: string,
  redirectUrl: string | undefined,
): Promise<void> {
  if (redirectUrl === undefined) return;
  const { redirectUrls = [] } = (await readOrganization(engine.keystore, organization)) ?? {};
  if (redirectUrls.includes(redirectUrl)) return;
  throw new TielineError('arguments_invalid', 'redirect_url is not one that the organization has registered', {
    hint: 'Register it: PATCH /api/v1/organization with redirect_urls, or tieline organizations redirect <url>',
  });
}

/** Whose account it will be. Throws `integration_exists` where the name is taken, before anybody signs in. */
async function whose(backend: Backend, caller: Caller, connector: Connector, it: Wanted): Promise<Principal> {
  if (it.reconnect === undefined) {
    const { who } = await customerOf(backend, caller, it.customer_name, { create: true });
    if (it.name !== undefined) await checkFree(backend, who, connector, checkIdentifier(it.name));
    return who;
  }
  const { integration, user, who } = await findIntegrationById(backend, caller, it.reconnect);
  if (it.name !== undefined || integration.connector !== connector.name) {
    throw new TielineError('arguments_invalid', 'an integration keeps its name and its connector when reconnected', {
      hint: 'Leave out name, and send the connector_type of the integration.',
    });
  }
  if (it.customer_name === undefined || it.customer_name === user.identifier) return who;
  throw new TielineError('integration_unknown', `there is no integration ${quoted(it.reconnect)} of that user`, {
    hint: 'Look at the list of integrations.',
  });
}

async function checkFree({ engine }: Backend, who: Principal, connector: Connector, name: string): Promise<void> {
  const { items } = await readIntegrations(engine.keystore, who, connector.name, engine.now());
  if (!items.some((it) => it.identifier === name && !isPending(it))) return;
  throw new TielineError('integration_exists', `${connector.name} already has an integration ${name}`, {
    hint: 'Choose another name, or reconnect that one.',
  });
}
