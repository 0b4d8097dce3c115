/**
 * A process of those who do nothing wrong: they ask for health, call over REST and over MCP, one after the other, and
 * tell how long they waited. Told `begin`, it counts anew; told `end`, it gives what it counted.
 */
const { url, token, integration } = JSON.parse(process.argv[2]);

const PAUSE_MS = 15;
let waits = [];
let failures = [];

const json = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
const REQUESTS = [
  ['/healthz', {}],
  [
    `/api/v1/integrations/connectors/${integration}/execute`,
    { method: 'POST', headers: json, body: JSON.stringify({ entity: 'things', action: 'get' }) },
  ],
  [
    '/mcp',
    {
      method: 'POST',
      headers: { ...json, accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'target_things_get', arguments: {} },
      }),
    },
  ],
];

async function once([path, options]) {
  const start = performance.now();
  try {
    const response = await fetch(`${url}${path}`, { ...options, signal: AbortSignal.timeout(60_000) });
    const text = await response.text();
    if (response.status !== 200 || text.includes('"isError":true')) failures.push(`${path} ${response.status} ${text}`);
  } catch (error) {
    failures.push(`${path} ${error.cause ?? error}`);
  }
  waits.push(performance.now() - start);
}

async function forever(request) {
  for (;;) {
    await once(request);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

process.on('message', (message) => {
  if (message === 'begin') {
    waits = [];
    failures = [];
  } else {
    const sorted = waits.sort((a, b) => a - b);
    const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
    process.send({ count: sorted.length, p99, longest: sorted.at(-1) ?? 0, failures: failures.slice(0, 3) });
  }
});
process.on('disconnect', () => process.exit());
for (const request of REQUESTS) void forever(request);
process.send('ready');
