import type { HttpResponse } from '../network/send.ts';
import { scrubValues } from '../secret.ts';

/** The data without these texts: a provider may echo what it was sent, and that does not go on to the caller. */
export function withoutSecrets(data: unknown, secrets: readonly string[]): unknown {
  const text = JSON.stringify(data);
  if (text === undefined) return null;
  return scrubValues(text, secrets) === text ? data : scrubTree(data, secrets);
}

function scrubTree(value: unknown, secrets: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((it) => scrubTree(it, secrets));
  if (value !== null && typeof value === 'object') {
    const fields = Object.entries(value).map(([name, it]) => [scrubValues(name, secrets), scrubTree(it, secrets)]);
    return Object.fromEntries(fields);
  }
  const text = String(value);
  const clean = scrubValues(text, secrets);
  return clean === text ? value : clean;
}

/**
 * The response without these texts and without cookies, for a definition that may not learn even from an echo what it
 * was sent with.
 */
export function redactedResponse(response: HttpResponse, secrets: readonly string[]): HttpResponse {
  const { 'set-cookie': _, ...headers } = response.headers;
  const shown = Object.entries(headers).map(([name, value]) => [name, scrubValues(value, secrets)]);
  const text = Buffer.from(response.bytes).toString('utf8');
  const clean = scrubValues(text, secrets);
  const bytes = clean === text ? response.bytes : Buffer.from(clean, 'utf8');
  return { ...response, headers: Object.fromEntries(shown), bytes };
}
