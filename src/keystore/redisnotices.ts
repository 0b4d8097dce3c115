import type { NoticeLine } from './notices.ts';
import { loadOptional, parseServerUrl, SERVER_LIMITS, takeParameter } from './server.ts';

/** By PUBLISH, on a channel for the prefix of the store. */
export async function redisLine(storeUrl: string, lost: () => void): Promise<NoticeLine> {
  const url = parseServerUrl(storeUrl);
  const channel = `${takeParameter(url, 'prefix', /^\w{1,64}$/, 'tieline')}:changes`;
  const { createClient } = await loadOptional('@keyv/redis@5', () => import('@keyv/redis'));
  const socket = { reconnectStrategy: false as const, connectTimeout: SERVER_LIMITS.connectMs };
  // A connection that hears may not speak.
  const client = () => createClient({ url: url.href, disableOfflineQueue: true, socket }).on('error', () => undefined);
  const speaker = client();
  const hearer = client();
  let isOver = false;
  const end = (tell: boolean) => {
    if (isOver) return;
    isOver = true;
    for (const it of [speaker, hearer]) if (it.isOpen) it.destroy();
    if (tell) lost();
  };
  try {
    await Promise.all([speaker.connect(), hearer.connect()]);
  } catch (error) {
    end(false);
    throw error;
  }
  for (const it of [speaker, hearer]) it.once('error', () => end(true)).once('end', () => end(true));
  return {
    publish: async (text) => void (await speaker.publish(channel, text)),
    listen: (hear) => hearer.subscribe(channel, (text) => hear(text)),
    close: async () => end(false),
  };
}
