import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import type Provider from 'oidc-provider';
import type { Person } from './data.ts';
import { chooserPage, consentPage, failurePage, PAGE_HEADERS, type Page } from './page.ts';

export const SIGN_IN = '/sign-in';

type Env = { Bindings: HttpBindings };

/** The pages between the authorization request and its answer: who are you, and may this client act for you? */
export function consentPages(provider: Provider, people: readonly Person[]): Hono<Env> {
  const app = new Hono<Env>();
  const personNamed = (id: unknown) => people.find((person) => person.id === id);

  app.get(`${SIGN_IN}/:uid`, async (c) => {
    const { clientName } = await pendingRequest(provider, c);
    return show(c, chooserPage(`${SIGN_IN}/${c.req.param('uid')}/consent`, people, clientName));
  });

  app.get(`${SIGN_IN}/:uid/consent`, async (c) => {
    const { clientName, scopes, returnsTo } = await pendingRequest(provider, c);
    const person = personNamed(c.req.query('person'));
    if (!person) return show(c, failurePage('Nobody here has that name.'), 400);
    return show(c, consentPage({ action: c.req.path, person, clientName, scopes, returnsTo }));
  });

  app.post(`${SIGN_IN}/:uid/consent`, async (c) => {
    const { clientId, scopes } = await pendingRequest(provider, c);
    const form = await c.req.parseBody();
    const person = personNamed(form.person);
    if (!person) return show(c, failurePage('Nobody here has that name.'), 400);
    const result =
      form.decision === 'allow'
        ? await allow(provider, person, clientId, scopes)
        : { error: 'access_denied', error_description: 'the person did not allow it' };
    return c.redirect(await provider.interactionResult(c.env.incoming, c.env.outgoing, result), 303);
  });

  app.onError((error, c) => {
    // oidc-provider's SessionNotFound: the cookie or the pending request is gone.
    if (error.name === 'SessionNotFound')
      return show(c, failurePage('This sign-in has ended or was never begun.'), 400);
    throw error;
  });
  return app;
}

/** A new grant each time, so that each linked account is a token family of its own. */
async function allow(provider: Provider, person: Person, clientId: string, scopes: readonly string[]) {
  const grant = new provider.Grant({ accountId: person.id, clientId });
  grant.addOIDCScope(scopes.join(' '));
  return { login: { accountId: person.id, remember: false }, consent: { grantId: await grant.save() } };
}

async function pendingRequest(provider: Provider, c: Context<Env>) {
  const { params } = await provider.interactionDetails(c.env.incoming, c.env.outgoing);
  const clientId = String(params.client_id);
  const client = await provider.Client.find(clientId);
  return {
    clientId,
    clientName: client?.clientName ?? clientId,
    scopes: String(params.scope ?? '').split(' '),
    returnsTo: new URL(String(params.redirect_uri)).host,
  };
}

function show(c: Context<Env>, page: Page, status: 200 | 400 = 200) {
  return c.html(page, status, PAGE_HEADERS);
}
