import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { isTielineError, TielineError } from '../../errors.ts';
import { givenKey } from '../../execute/authorization.ts';
import { optionNamed } from '../../execute/connect.ts';
import { clientOnly } from '../caller.ts';
import type { Backend, Env } from '../context.ts';
import { name as text } from '../fields.ts';
import { failures } from '../problem.ts';
import { body, json, router } from '../router.ts';
import type { HeldAccount } from './given.ts';
import { connectLink, failLink, openLink } from './link.ts';

const route = createRoute({
  method: 'post',
  path: '/integrations/connectors/oauth/confirm',
  tags: ['Connect flow'],
  summary: 'Say who sits in the browser that came back, with which the account is linked',
  request: body(
    z.object({
      confirmation: z
        .string()
        .max(100)
        .openapi({ description: 'As it came to redirect_url. Good once, for ten minutes.' }),
      customer_name: text.openapi({ description: 'Who is signed in to the program in that browser.' }),
    }),
    'Who it was',
  ),
  responses: { 200: json(z.object({ connector_id: z.string() }), 'The integration'), ...failures(403, 404, 409) },
});

/**
 * For programs that begin links with `confirm`: whoever asked for a link may have sent it to somebody else, whose
 * account would become theirs. Only the program sees who sits in the browser in the end.
 */
export function confirmRoutes(backend: Backend): OpenAPIHono<Env> {
  const { keystore } = backend.engine;
  const app = router();
  app.openapi(route, async (context) => {
    const { organization } = clientOnly(context.get('caller'));
    const { confirmation, customer_name: name } = context.req.valid('json');
    const waiting = (await keystore.read<HeldAccount>(givenKey(confirmation)))?.value;
    const link = waiting && (await openLink(backend, waiting.authorization));
    if (link?.authorization.organization !== organization) throw unknown();
    if (!(await keystore.delete(givenKey(confirmation)))) throw unknown();
    const { browser, option, input, tokens } = waiting as HeldAccount;
    try {
      if (link.asker.user !== name) throw ofAnother();
      const given = { option: optionNamed(link.connector, option), input, tokens };
      const { integration } = await connectLink(backend, link, browser, given);
      return context.json({ connector_id: integration }, 200);
    } catch (error) {
      if (isTielineError(error)) await failLink(backend, link, browser, error.code);
      throw error;
    }
  });
  return app;
}

const unknown = (): TielineError =>
  new TielineError('not_found', 'nothing waits for this confirmation, or no longer', {
    hint: 'Begin a new link.',
  });

const ofAnother = (): TielineError =>
  new TielineError('not_permitted', 'the link was for another user, and nothing of it is kept', {
    hint: 'Begin a new link for the user who is signed in.',
  });
