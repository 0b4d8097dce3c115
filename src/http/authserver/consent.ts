import { type Context, Hono } from 'hono';
import type Provider from 'oidc-provider';
import { TielineError } from '../../errors.ts';
import { supportedScopes } from '../../execute/policy.ts';
import { createGrant } from '../../integration/grant.ts';
import { readOrganization } from '../../integration/organization.ts';
import type { Scope } from '../../integration/principal.ts';
import { labelOf } from '../../label.ts';
import { showPage } from '../connect/layout.ts';
import type { Backend, Env } from '../context.ts';
import { mcpUrl } from '../mcpcaller.ts';
import { type Session, SIGN_OUT, sessionOf, signInUrl } from '../session.ts';
import { accountId } from './adapter.ts';
import { nodeExchange } from './bridge.ts';
import { consentPage, type Vouched } from './consentpage.ts';
import { checkFormToken, formToken } from './formtoken.ts';
import { CONSENT } from './provider.ts';

type Asked = {
  readonly uid: string;
  readonly clientId: string;
  readonly clientName: string;
  readonly redirectUri: string;
  readonly scopes: readonly Scope[];
  readonly organization: string | undefined;
  /** Absent: anybody who is signed in may decide. Epoch milliseconds. */
  readonly signedInSince: number | undefined;
};

/**
 * The page between an authorization request and its answer. It is shown for every request, whatever the user has
 * allowed before: neither a name nor an address on this machine proves that it is the same client.
 */
export function consentRoutes(backend: Backend, provider: () => Promise<Provider>): Hono<Env> {
  const { engine, url, clients = [] } = backend;
  const { keystore, now } = engine;
  const app = new Hono<Env>();

  app.get(`${CONSENT}/:uid`, async (context) => {
    const asked = await readAsked(context);
    const session = await whoDecides(context, asked);
    const next = `${CONSENT}/${asked.uid}`;
    if (!session) return context.redirect(signInUrl(backend, next, asked.organization), 303);
    const { user } = session;
    const page = consentPage({
      client: labelOf(asked.clientName),
      vouched: vouchedBy(asked.clientId),
      redirectUri: asked.redirectUri,
      scopes: asked.scopes,
      titleOf: (connector) => engine.catalog.connector(connector).title,
      user: labelOf(user.identifier),
      organization: labelOf((await readOrganization(keystore, user.organization))?.name ?? user.organization),
      token: formToken(backend, context, placeOf(asked, session)),
      signInUrl: signInUrl(backend, next, asked.organization),
      signOutUrl: `${url}${SIGN_OUT}`,
    });
    return showPage(context, page);
  });

  app.post(`${CONSENT}/:uid`, async (context) => {
    const asked = await readAsked(context);
    const session = await whoDecides(context, asked);
    if (!session) throw new TielineError('forbidden', 'nobody is signed in any more', { hint: 'Go back and sign in.' });
    const { token, decision } = await context.req.parseBody();
    checkFormToken(backend, context, placeOf(asked, session), token);
    const result = decision === 'allow' ? await allow(asked, session) : DENIED;
    const { incoming, outgoing } = await nodeExchange(withoutBody(context), url);
    return context.redirect(await (await provider()).interactionResult(incoming, outgoing, result), 303);
  });

  async function readAsked(context: Context<Env>): Promise<Asked> {
    const library = await provider();
    const { incoming, outgoing } = await nodeExchange(withoutBody(context), url);
    const { uid, iat, params } = await library.interactionDetails(incoming, outgoing);
    // The cookie says which request it is; its path does not keep it from another page of this server.
    if (uid !== context.req.param('uid')) throw unexpected();
    const clientId = String(params.client_id);
    const client = await library.Client.find(clientId);
    if (!client) throw unexpected();
    const wanted = String(params.scope).split(' ');
    const asksToSignIn = String(params.prompt ?? '')
      .split(' ')
      .includes('login');
    return {
      uid,
      clientId,
      clientName: client.clientName || (URL.canParse(clientId) ? new URL(clientId).host : 'A client without a name'),
      redirectUri: String(params.redirect_uri),
      scopes: supportedScopes(engine).filter((it) => wanted.includes(it)),
      organization: params.organization === undefined ? undefined : String(params.organization),
      signedInSince: asksToSignIn ? Number(iat) * 1_000 : undefined,
    };
  }

  async function whoDecides(context: Context<Env>, { signedInSince = 0 }: Asked): Promise<Session | undefined> {
    const session = await sessionOf(backend, context);
    return session && session.createdAt >= signedInSince ? session : undefined;
  }

  async function allow({ clientId, clientName, scopes }: Asked, { user }: Session) {
    const client = { id: clientId, name: clientName };
    const grant = await createGrant(keystore, user, { client, resource: mcpUrl(url), scopes, now: now() });
    return { login: { accountId: accountId(grant), remember: false }, consent: { grantId: grant.id } };
  }

  function vouchedBy(clientId: string): Vouched {
    if (clients.some((it) => it.id === clientId)) return { by: 'operator' };
    return URL.canParse(clientId) ? { by: 'document', host: new URL(clientId).host } : { by: 'nobody' };
  }

  return app;
}

/** The cookies are all that counts, and a body is read once only. */
const withoutBody = ({ req: { raw } }: Context<Env>): Request => new Request(raw.url, { headers: raw.headers });

const DENIED = { error: 'access_denied', error_description: 'the user did not allow it' };

/** A form is for one request, and for the user who was shown it. */
const placeOf = ({ uid }: Asked, { user }: Session): string => `consent ${uid} ${user.id}`;

const unexpected = (): TielineError =>
  new TielineError('not_found', 'this request is not known here, or is over', {
    hint: 'Begin to sign in again in the program that sent you here.',
  });
