import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';

export type HostsFile = {
  /** The addresses that the file gives a name, in its order; undefined where it does not know it. */
  find(name: string): readonly string[] | undefined;
};

/** How long the file is taken for what it was, in milliseconds. */
const LOOKED_MS = 2_000;
const MOST_BYTES = 8 * 1024 * 1024;

/** `/etc/hosts`, or that of Windows: containers and companies give names there that no name server knows. */
export const systemHosts = (): string =>
  process.platform === 'win32'
    ? join(process.env.SystemRoot ?? 'C:\\Windows', 'System32', 'drivers', 'etc', 'hosts')
    : '/etc/hosts';

/** Read anew when it has changed; one that cannot be read leaves what was known. */
export function openHosts(path: string = systemHosts()): HostsFile {
  let names: ReadonlyMap<string, readonly string[]> = new Map();
  let stamp = '';
  let lookedAt = Number.NEGATIVE_INFINITY;
  const look = (): void => {
    if (performance.now() - lookedAt < LOOKED_MS) return;
    lookedAt = performance.now();
    try {
      const { mtimeMs, size, ino } = statSync(path);
      const found = `${mtimeMs} ${size} ${ino}`;
      if (found === stamp || size > MOST_BYTES) return;
      names = readHosts(readFileSync(path, 'utf8'));
      stamp = found;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') names = new Map();
    }
  };
  return {
    find(name) {
      look();
      return names.get(name);
    },
  };
}

/** hosts(5): an address, then its names; `#` begins a comment. */
export function readHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = (line.split('#', 1)[0] ?? '').trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names) {
      const key = name.toLowerCase().replace(/\.$/, '');
      const known = found.get(key);
      if (!known) found.set(key, [address]);
      else if (!known.includes(address)) known.push(address);
    }
  }
  return found;
}
