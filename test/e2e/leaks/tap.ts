import type { Ledger } from './ledger.ts';

/**
 * Keeps every answer that this process gets from now on, by whichever client: status, headers and body, redirects with
 * them. Those of `others` are not Tieline's. Gives what ends it and notes them all.
 */
export function tapAnswers(ledger: Ledger, others: readonly string[]): () => void {
  const real = globalThis.fetch;
  const kept: { where: string; head: string; chunks: Uint8Array[] }[] = [];

  globalThis.fetch = async (input, init) => {
    const request = input instanceof Request ? input : undefined;
    const url = new URL(request?.url ?? String(input));
    const answer = await real(input, init);
    if (others.includes(url.origin)) return answer;
    const { status, statusText, headers, body } = answer;
    const path = url.pathname.replace(/[\w-]{20,}/g, '…'); // it may be a secret itself
    const where = `${init?.method ?? request?.method ?? 'GET'} ${path}`;
    const lines = [...headers].map(([name, value]) => `${name}: ${value}`);
    const chunks: Uint8Array[] = [];
    kept.push({ where, head: `${status} ${statusText}\n${lines.join('\n')}\n\n`, chunks });
    if (!body) return answer;
    const passed = new Response(passing(body, chunks), { status, statusText, headers });
    return Object.defineProperty(passed, 'url', { value: answer.url });
  };
  return () => {
    globalThis.fetch = real;
    for (const { where, head, chunks } of kept.splice(0)) ledger.say(where, head + Buffer.concat(chunks).toString());
  };
}

/** The same stream, whose chunks are kept. Not a copy of it: that would go on when its reader has had enough. */
function passing(body: ReadableStream<Uint8Array>, chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      chunks.push(value);
      controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
