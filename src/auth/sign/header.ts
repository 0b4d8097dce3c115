import type { HttpRequest } from '../../network/send.ts';

type Headers = HttpRequest['headers'];

/** The headers with this one set. Names are compared without regard to case, so none is sent twice. */
export function withHeader(headers: Headers, name: string, value: string): Record<string, string> {
  const key = name.toLowerCase();
  const others = Object.entries(headers).filter(([it]) => it.toLowerCase() !== key);
  return { ...Object.fromEntries(others), [key]: value };
}

export function headerOf(headers: Headers, name: string): string | undefined {
  return Object.entries(headers).find(([it]) => it.toLowerCase() === name)?.[1];
}
