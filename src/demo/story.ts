import type { Client } from '@modelcontextprotocol/client';
import { removeAccount } from './remove.ts';
import type { Stage } from './stage.ts';
import type { Timeline } from './timeline.ts';

export type Facts = { tools: number; calls: number; refreshes: number };

type Answer = {
  data?: Record<string, unknown>;
  meta?: { integration?: string };
  error?: { code: string; message: string };
};

/** The main job, one thing after another, each observed from outside: by the client, the provider, or the file. */
export async function tell(
  stage: Stage,
  client: Client,
  listChanged: () => number,
  timeline: Timeline,
  signal: AbortSignal,
): Promise<Facts> {
  const { sandbox } = stage;
  const facts: Facts = { tools: 0, calls: 0, refreshes: 0 };
  const call = async (name: string, args: Record<string, unknown> = {}): Promise<Answer> => {
    facts.calls++;
    return (await client.callTool({ name, arguments: args })).structuredContent as Answer;
  };
  /** How many refreshes succeeded at the provider while `work` ran. */
  const counting = async <T>(work: () => Promise<T>): Promise<{ value: T; refreshes: number }> => {
    const before = sandbox.observed.refreshes();
    return { value: await work(), refreshes: sandbox.observed.refreshes() - before };
  };

  timeline.heading('Two people link their accounts, each by signing in at the provider');
  const ada = await stage.link('ada');
  timeline.say(`${ada.account.label} is linked as "${ada.identifier}", and is the default`);
  const grace = await stage.link('grace');
  timeline.say(`${grace.account.label} is linked as "${grace.identifier}"`);
  const tokens = [...(await stage.tokens(ada)), ...(await stage.tokens(grace))];

  timeline.heading('An MCP client lists and calls tools over stdio');
  const { tools } = await client.listTools();
  facts.tools = tools.length;
  timeline.observe(
    'tools_listed',
    tools.length > 10,
    `${tools.length} tools, such as ${tools
      .slice(0, 3)
      .map((it) => it.name)
      .join(', ')}`,
  );
  const first = await call('sandbox_profile_get');
  timeline.observe(
    'default_account',
    first.data?.id === 'ada',
    `a call that names no account is served by ${first.data?.email}`,
  );
  const named = await call('sandbox_profile_get', { integration: 'grace' });
  timeline.observe(
    'named_account',
    named.data?.id === 'grace',
    `integration "grace" is served by ${named.data?.email}`,
  );
  const refused = await call('sandbox_profile_get', { integration: 'carol' });
  timeline.observe(
    'unknown_refused',
    refused.error?.code === 'integration_unknown',
    `integration "carol" is refused: ${refused.error?.message}`,
  );

  timeline.heading('Tokens end, and are refreshed lazily');
  await timeline.wait(ACCESS_TOKEN_TTL * 1_000 + 200, 'waiting for the access tokens to run out');
  const lazy = await counting(() => call('sandbox_tickets_list', { limit: 3 }));
  const worked = Array.isArray(lazy.value.data);
  timeline.observe(
    'lazy_refresh',
    worked && lazy.refreshes === 1,
    `the next call works, after ${times(lazy.refreshes)} at the provider`,
  );
  sandbox.expireAccessTokens();
  timeline.say('the provider ends every access token before its time');
  const storm = await counting(() => Promise.all(Array.from({ length: 10 }, () => call('sandbox_profile_get'))));
  const served = storm.value.filter((it) => it.data?.id === 'ada').length;
  timeline.observe(
    'shared_refresh',
    served === 10 && storm.refreshes === 1,
    `${served} of 10 calls at once work, sharing ${times(storm.refreshes)}`,
  );
  tokens.push(...(await stage.tokens(ada)), ...(await stage.tokens(grace)));

  timeline.heading('The default account is removed in another process');
  const seen = listChanged();
  await removeAccount(stage.env, 'ada', signal);
  const after = await call('sandbox_profile_get');
  timeline.observe(
    'default_moves',
    after.data?.id === 'grace',
    `the newest account is the default now: ${after.data?.email}`,
  );
  await until(() => listChanged() > seen);
  timeline.observe('list_changed', listChanged() > seen, 'the client was told that the tool list changed');

  timeline.heading('The keystore at rest');
  const found = await stage.findInKeystore(tokens);
  timeline.observe(
    'keystore_sealed',
    tokens.length >= 8 && found.length === 0,
    `none of ${tokens.length} tokens stands in the keystore file`,
  );
  facts.refreshes = sandbox.observed.refreshes();
  return facts;
}

/** Seconds. Long enough for the calls before the wait, short enough to wait for. */
export const ACCESS_TOKEN_TTL = 6;

const times = (count: number): string => (count === 1 ? 'one refresh' : `${count} refreshes`);

async function until(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 50 && !isSo(); i++) await new Promise((resolve) => setTimeout(resolve, 100));
}
