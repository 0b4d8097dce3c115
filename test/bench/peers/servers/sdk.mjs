/** Serves what a factory of the SDK makes, in the documented way, on stdio or HTTP. */
import { createServer } from 'node:http';
import { createMcpHandler } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { port } from './common.mjs';

export async function serve(factory) {
  if (port === undefined) return serveStdio(factory);
  const { toNodeHandler } = await import('@modelcontextprotocol/node');
  return createServer(toNodeHandler(createMcpHandler(factory))).listen(port, '127.0.0.1');
}
