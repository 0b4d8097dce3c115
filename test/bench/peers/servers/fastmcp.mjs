/** fastmcp, with sessions over HTTP as it has them by default. */
import { FastMCP } from 'fastmcp';
import { z } from 'zod';
import { listIssues, port, tools, zodShape } from './common.mjs';

const server = new FastMCP({ name: 'bench', version: '1.0.0' });
for (const it of tools) {
  const parameters = z.object(zodShape(z, it));
  server.addTool({ name: it.name, description: it.description, parameters, execute: listIssues });
}
await server.start(
  port === undefined
    ? { transportType: 'stdio' }
    : { transportType: 'httpStream', httpStream: { port, host: '127.0.0.1' } },
);
