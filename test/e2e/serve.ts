import type { Home } from './home.ts';
import { type Running, start, until } from './program.ts';

export type Served = {
  readonly server: Running;
  readonly url: string;
  readonly clientKey: string;
  /** A user of the first organization, with a token for all that they may do. */
  user(identifier: string): Promise<{ identifier: string; secret: string; token: string }>;
  /** Sends JSON to a path below /api/v1, as whose key or token it is. Throws what is no success. */
  post(path: string, as: string, body: object): Promise<Record<string, string>>;
};

/** Starts `tieline serve` of a home folder. */
export async function serveHome(home: Home): Promise<Served> {
  const server = start(['serve', '--port', '0', '--json'], { env: home.env, open: true });
  await until(() => server.stdout().includes('}'), server.stderr);
  const { url, clientKey } = JSON.parse(server.stdout()) as { url: string; clientKey: string };
  const post: Served['post'] = async (path, as, body) => {
    const headers = { authorization: `Bearer ${as}`, 'content-type': 'application/json' };
    const response = await fetch(`${url}/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as Record<string, string>;
  };
  return {
    server,
    url,
    clientKey,
    post,
    async user(identifier) {
      const { secret = '' } = await post('/users', clientKey, { identifier });
      const { token = '' } = await post('/auth/token', clientKey, { identifier, secret });
      return { identifier, secret, token };
    },
  };
}
