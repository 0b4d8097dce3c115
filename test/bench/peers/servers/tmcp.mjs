/** tmcp, which does without the SDK. Its HTTP transport takes web requests, so node:http is put before it. */
import { createServer } from 'node:http';
import { ZodJsonSchemaAdapter } from '@tmcp/adapter-zod';
import { HttpTransport } from '@tmcp/transport-http';
import { StdioTransport } from '@tmcp/transport-stdio';
import { McpServer } from 'tmcp';
import { z } from 'zod';
import { listIssues, port, tools, zodShape } from './common.mjs';

const about = { name: 'bench', version: '1.0.0', description: 'bench' };
const server = new McpServer(about, { adapter: new ZodJsonSchemaAdapter(), capabilities: { tools: {} } });
for (const it of tools) {
  server.tool({ name: it.name, description: it.description, schema: z.object(zodShape(z, it)) }, listIssues);
}
if (port === undefined) new StdioTransport(server).listen();
else {
  const transport = new HttpTransport(server, { path: '/mcp' });
  createServer(async (incoming, outgoing) => {
    const { method, headers, url } = incoming;
    const chunks = await incoming.toArray();
    const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined;
    const answer = await transport.respond(new Request(`http://${headers.host}${url}`, { method, headers, body }));
    outgoing.writeHead(answer?.status ?? 404, Object.fromEntries(answer?.headers ?? []));
    for await (const chunk of answer?.body ?? []) outgoing.write(chunk);
    outgoing.end();
  }).listen(port, '127.0.0.1');
}
