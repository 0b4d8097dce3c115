import { withDefaults } from '../../connector/schema.ts';
import { type Asked, reuseAuthorization } from '../../execute/reuse.ts';
import { checkArguments } from '../../execute/validate.ts';
import type { Principal } from '../../integration/principal.ts';
import type { Backend } from '../context.ts';
import { choicesOf } from './choices.ts';

/** Where a person links an account that an agent asked for. */
export type AgentLink = {
  readonly url: string;
  /** Of the authorization, and as secret as the address. */
  readonly id: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
};

/**
 * A link for an agent to hand on. Throws `connector_unknown`, `arguments_invalid` and `config_invalid` where the page
 * could not link an account, and `too_many_requests`.
 */
export async function agentLink(
  { engine, url }: Pick<Backend, 'engine' | 'url'>,
  who: Principal,
  asked: Asked,
): Promise<AgentLink> {
  const connector = engine.catalog.connector(asked.connector);
  // The page does not ask for settings.
  const { settings } = connector;
  if (settings && asked.reconnect === undefined) {
    checkArguments(settings, withDefaults(settings, {}), `the settings of ${connector.title}`);
  }
  await choicesOf({ engine, url }, connector, { organization: who.organization, option: asked.option, input: {} });
  const { id, expiresAt } = await reuseAuthorization(engine, who, asked);
  return { url: `${url}/connect/${id}`, id, expiresAt };
}
