import type { ServerResponse } from 'node:http';
import { echoOf } from './echo.ts';

export type Scene = { readonly values: readonly string[]; readonly response: ServerResponse; readonly url: URL };

/** Answers that are none, each with what was sent. */
export const MISHAPS = {
  redirect: ({ values, response, url }) => {
    const there = new URL('/elsewhere', url);
    for (const it of values) there.searchParams.append('token', it);
    response.writeHead(307, { location: there.href }).end(`moved: ${values.join(' ')}`);
  },
  other_host: ({ values, response }) => {
    response.writeHead(307, { location: `http://other.example/?token=${encodeURIComponent(values.join(' '))}` }).end();
  },
  page: ({ values, response }) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end(`<!doctype html><h1>Down</h1><p>${values.join(' ')}</p>`);
  },
  failure_page: ({ values, response }) => {
    response.writeHead(502, { 'content-type': 'text/html' }).end(`<h1>Bad gateway</h1><pre>${values.join('\n')}</pre>`);
  },
  broken_json: ({ values, response }) => {
    const whole = JSON.stringify({ token_type: 'Bearer', access_token: values.at(-1), ...echoOf(values) });
    response.writeHead(200, { 'content-type': 'application/json' }).end(whole.slice(0, -20));
  },
  error: ({ values, response }) => {
    response.writeHead(500, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ error: 'server_error', message: `failed with ${values.join(' ')}`, ...echoOf(values) }),
    );
  },
  status_text: ({ values, response }) => {
    response.writeHead(400, encodeURIComponent(values.join(' '))).end();
  },
  bad_header: ({ values, response }) => {
    response.socket?.end(`HTTP/1.1 200 OK\r\n${values.join(' ')}\r\n\r\n`);
  },
  cut: ({ values, response }) => {
    response.writeHead(200, { 'content-length': '100000' });
    response.write(values.join(' '));
    setTimeout(() => response.destroy(), 10);
  },
  silent: () => {},
} satisfies Readonly<Record<string, (scene: Scene) => void>>;

export const isMishap = (name: string): name is keyof typeof MISHAPS => Object.hasOwn(MISHAPS, name);
