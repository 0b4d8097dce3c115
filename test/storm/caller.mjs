/** One process of the storm: gets ready, and at its parent's word calls as often as it was told to, all at once. */
import { openEngine } from '../../dist/cli/open.js';
import { execute } from '../../dist/execute/execute.js';
import { localPrincipal } from '../../dist/integration/principal.js';

const callers = Number(process.argv[2]);
const { engine, close } = await openEngine();
const call = () =>
  execute(engine, localPrincipal, { connector: 'sandbox', entity: 'profile', action: 'get', params: {} });

process.once('message', async () => {
  const outcomes = await Promise.allSettled(Array.from({ length: callers }, call));
  const failed = outcomes.flatMap((it) => (it.status === 'rejected' ? [it.reason] : []));
  await close();
  process.send({ successes: callers - failed.length, failures: failed.map((it) => `${it.code}: ${it.message}`) });
  process.disconnect();
});
process.send('ready');
