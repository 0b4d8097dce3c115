/** The SDK's `McpServer` with zod schemas, as its documentation shows it. */
import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { listIssues, tools, zodShape } from './common.mjs';
import { serve } from './sdk.mjs';

const schemas = tools.map((it) => z.object(zodShape(z, it)));

await serve(() => {
  const server = new McpServer({ name: 'bench', version: '1.0.0' });
  for (const [index, { name, description }] of tools.entries()) {
    server.registerTool(name, { description, inputSchema: schemas[index] }, listIssues);
  }
  return server;
});
