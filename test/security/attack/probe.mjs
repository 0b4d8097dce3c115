/** Loaded into the server that is attacked: tells its parent how much memory it holds after a collection. */
process.on('message', (message) => {
  if (message !== 'memory') return;
  globalThis.gc();
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  process.send?.({ rss, live: heapUsed + external + arrayBuffers });
});
// The parent's questions must not keep the server from ending.
process.channel?.unref();
