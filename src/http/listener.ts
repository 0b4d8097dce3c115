import type { RequestListener } from 'node:http';
import { httpApp } from './app.ts';
import type { Backend } from './context.ts';
import { openGates } from './gates.ts';
import { webListener } from './listen.ts';
import { mcpShortcut } from './shortcut.ts';

/** Everything that is served over HTTP, plain calls of tools by a short way. */
export function httpListener(backend: Backend): RequestListener {
  const gates = openGates(backend);
  const app = httpApp(backend, gates);
  return mcpShortcut(backend, gates, webListener(app.fetch));
}
