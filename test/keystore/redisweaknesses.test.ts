import { describe, expect, it, onTestFinished } from 'vitest';
import { openRedis } from '../../src/keystore/redis.ts';
import { redisWeaknesses } from '../../src/keystore/redisweaknesses.ts';
import { newName, redisIsAbsent, redisPlace, withRedis } from './servers.ts';

/** A server by what it answers; undefined where it refuses to. */
const server = (save: string | undefined, aof: '0' | '1' | undefined, policy: string | undefined) =>
  redisWeaknesses(async (...words) => {
    const answers: Record<string, string | undefined> = {
      'CONFIG GET save': save === undefined ? undefined : `save,${save}`,
      'INFO persistence': aof && `# Persistence\r\nloading:0\r\naof_enabled:${aof}\r\naof_rewrite_in_progress:0\r\n`,
      'INFO memory': policy && `# Memory\r\nmaxmemory_policy:${policy}\r\nmem_fragmentation_ratio:1.2\r\n`,
    };
    const answer = answers[words.join(' ')];
    if (answer === undefined) throw new Error('NOPERM');
    return answer;
  });

describe('a Redis server may forget', () => {
  it('nothing when it appends all to a file and evicts nothing', async () => {
    expect(await server('3600 1', '1', 'noeviction')).toEqual([]);
    expect(await server(undefined, '1', 'noeviction')).toEqual([]);
  });

  it.each([
    ['keeps nothing', '', '0', 'noeviction', [/keeps nothing on disk.*appendonly yes/]],
    ['keeps snapshots', '3600 1 300 100', '0', 'noeviction', [/at most snapshots/]],
    ['does not tell how it is configured', undefined, '0', 'noeviction', [/at most snapshots/]],
    ['evicts', '', '1', 'allkeys-lru', [/maxmemory-policy allkeys-lru/]],
    ['does both', '', '0', 'volatile-ttl', [/keeps nothing/, /volatile-ttl/]],
    ['tells nothing', undefined, undefined, undefined, [/does not tell/]],
  ] as const)('what it is given when it %s', async (_, save, aof, policy, expected) => {
    const told = await server(save, aof, policy);
    expect(told).toEqual(expected.map((it) => expect.stringMatching(it)));
  });

  it.skipIf(redisIsAbsent)(`and says so itself, also to who may ask little${redisIsAbsent}`, async () => {
    const { url } = redisPlace();
    const appends = (await withRedis((admin) => admin.configGet('appendonly'))).appendonly === 'yes';
    const store = await openRedis(url.href);
    onTestFinished(() => store.close());
    expect((await store.weaknesses?.())?.some((it) => it.includes('appendonly'))).toBe(!appends);
    const [user, password] = [newName(), newName()];
    await withRedis((admin) => admin.aclSetUser(user, ['on', `>${password}`, '~*', '+@all', '-config', '-info']));
    onTestFinished(() => withRedis(async (admin) => void (await admin.aclDelUser(user))));
    Object.assign(url, { username: user, password });
    const little = await openRedis(url.href);
    onTestFinished(() => little.close());
    expect(await little.weaknesses?.()).toEqual([expect.stringContaining('does not tell')]);
  });
});
