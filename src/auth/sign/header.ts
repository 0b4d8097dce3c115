import type { HttpRequest } from '../../network/send.ts';

type Headers = HttpRequest['headers'];

/** The headers with this one set. Names are compared without regard to case, so none is sent twice. */
export function withHeader(headers: Headers, name: string, value: string): Record<string, string> {
  const key = name.toLowerCase();
  const all: Record<string, string> = {};
  for (const [it, text] of Object.entries(headers)) if (it.toLowerCase() !== key) all[it] = text;
  all[key] = value;
  return all;
}

export function headerOf(headers: Headers, name: string): string | undefined {
  return Object.entries(headers).find(([it]) => it.toLowerCase() === name)?.[1];
}
