import { tielineModules } from '../contenders/build.mjs';

/**
 * CPU, in microseconds, that it takes to find the account that serves a call and to open its credential: the same
 * functions on the same store as in a call, without anything before and after them. One entry for each round.
 */
export async function measureShare(home, { rounds, count = 20_000, concurrency = 16, progress }) {
  const module = await tielineModules();
  const { openEngine } = await module('cli/open');
  const { localPrincipal } = await module('integration/principal');
  const { readIntegrations } = await module('integration/accounts');
  const { resolveIntegration } = await module('integration/resolve');
  const { accountOptions } = await module('execute/stored');
  const { engine, close } = await openEngine(home.env);
  const connector = engine.catalog.connector('bench');
  const resolveAndOpen = async () => {
    const all = await readIntegrations(engine.keystore, localPrincipal, 'bench', engine.now());
    const integration = resolveIntegration(all, 'bench', undefined);
    const account = await accountOptions(engine, localPrincipal, connector, integration);
    const { values } = await account.credentials();
    if (!values.accessToken) throw new Error('the account has no token');
  };
  const run = async (times) => {
    const worker = async () => {
      for (let i = 0; i < times / concurrency; i += 1) await resolveAndOpen();
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
  };
  try {
    await run(count / 4);
    const seen = [];
    for (let round = 0; round < rounds; round += 1) {
      const before = process.cpuUsage();
      await run(count);
      const { user, system } = process.cpuUsage(before);
      seen.push((user + system) / count);
    }
    progress(`resolve and open: ${seen[0].toFixed(1)} µs`);
    return seen;
  } finally {
    await close();
  }
}
