import { Wire } from '../wire.ts';
import { typedCredentials } from './accounts.ts';
import { CALLS, FEW } from './calls.ts';
import { linkAtMirror, linkAtSandbox, typeAt } from './linker.ts';
import type { Place } from './place.ts';

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': { elicitation: { url: {} } },
};

/** An agent on this machine, of the era given, whose user links accounts in every way; every byte it is sent is noted. */
export async function stdioStory({ env, ledger, mirror }: Place, isModern: boolean): Promise<void> {
  const wire = new Wire(env);
  if (!isModern) await wire.initialize({ elicitation: { url: {} } });
  const call = async (name: string, args: object = {}): Promise<string> => {
    const params = { name, arguments: args, ...(isModern && { _meta: META }) };
    return JSON.stringify(await wire.request('tools/call', params));
  };
  const linkFor = async (connector: string, identifier: string, option: string): Promise<string> => {
    const said = await call('integrations_connect', { connector, identifier, option });
    const [link] = /http:\/\/127\.0\.0\.1:\d+\/connect\/[\w-]{43}/.exec(said) ?? [];
    if (link === undefined) throw new Error(`no link came: ${said}`);
    return link;
  };
  const echo = (integration: string) => call('mirror_things_echo', { integration });
  const expectServed = async (integration: string) => {
    const said = await echo(integration);
    if (!said.includes('this stays')) throw new Error(`${integration} is not linked: ${said}`);
  };

  await call('mirror_things_echo');
  for (const [option, { good, wrong }] of Object.entries(typedCredentials(ledger))) {
    if (option === 'host') continue;
    await typeAt(await linkFor('mirror', option, option), option, good, wrong);
    await expectServed(option);
  }
  await linkAtSandbox(await linkFor('sandbox', 'ada', 'oauth'), undefined);
  await call('sandbox_profile_get');
  mirror.plan('refused');
  await linkAtMirror(await linkFor('mirror', 'refused', 'oauth'), undefined);
  await linkAtMirror(await linkFor('mirror', 'oauth', 'oauth'), undefined);
  await expectServed('oauth');
  for (const integration of ['oauth', 'bearer', 'basic', 'jwt']) {
    for (const [action, params] of integration === 'oauth' ? CALLS : FEW)
      await call(`mirror_things_${action}`, { ...params, integration });
  }
  for (const manner of ['well', 'error', 'refused'] as const) {
    mirror.plan(manner);
    mirror.expire();
    await echo('oauth');
  }
  await echo('oauth');
  await call('integrations_list');
  mirror.plan('error');
  await call('integrations_disconnect', { connector: 'mirror', identifier: 'tokens' });
  wire.write('this is no message\n');
  const { stdout, stderr } = await wire.end();
  ledger.say('stdout of tieline stdio', stdout);
  ledger.say('stderr of tieline stdio', stderr);
}
