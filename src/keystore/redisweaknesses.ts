/**
 * Why a Redis server may forget what it was given, in sentences. `ask` sends a command and gives the answer as text, values
 * separated by commas or lines. What the server does not tell, as it is common where it is rented, counts as unknown.
 */
export async function redisWeaknesses(ask: (...words: string[]) => Promise<string>): Promise<readonly string[]> {
  const config = await ask('CONFIG', 'GET', 'save').catch(() => undefined);
  const persistence = await ask('INFO', 'persistence').catch(() => undefined);
  const memory = await ask('INFO', 'memory').catch(() => undefined);
  const weaknesses: string[] = [];
  if (persistence === undefined) {
    weaknesses.push('Redis does not tell whether it keeps what is written. It must have appendonly on.');
  } else if (valueIn(persistence, 'aof_enabled') !== '1') {
    // "save," with nothing behind it: no snapshots either.
    const keeps = config !== undefined && /^save,$/.test(config) ? 'nothing' : 'at most snapshots';
    weaknesses.push(
      `Redis keeps ${keeps} on disk. When it ends, accounts whose tokens were refreshed since are lost. Turn on appendonly: redis-cli CONFIG SET appendonly yes, and in redis.conf`,
    );
  }
  const policy = memory && valueIn(memory, 'maxmemory_policy');
  if (policy && policy !== 'noeviction') {
    weaknesses.push(
      `Redis may remove records when its memory is full (maxmemory-policy ${policy}). Set maxmemory-policy to noeviction.`,
    );
  }
  return weaknesses;
}

/** The value of a line of INFO. */
const valueIn = (info: string, name: string): string | undefined =>
  new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
