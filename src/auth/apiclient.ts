import type { AuthOption } from '../connector/connector.ts';
import type { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import type { HttpRequest } from '../network/send.ts';
import { runMethod } from './method.ts';
import { withHeader } from './sign/header.ts';

/** What `makeApiClient` of an option adds to every request of the API. */
export type ApiClient = {
  /** Where paths begin, if not at the connector's base URL. Its host must be declared. */
  readonly baseUri: string | undefined;
  /** The request with the headers, query and basic authentication. */
  apply(request: HttpRequest): HttpRequest;
};

/** Undefined where the option has no `makeApiClient`. */
export function apiClient(option: AuthOption, scope: Scope, scripts?: Scripts): ApiClient | undefined {
  const method = option.methods.makeApiClient;
  if (!method) return undefined;
  const { baseUri, headers = {}, query = {}, auth } = runMethod(method, scope, scripts) as Made;
  return {
    baseUri: typeof baseUri === 'string' && baseUri !== '' ? baseUri : undefined,
    apply(request) {
      let added = request.headers;
      for (const [name, value] of Object.entries(headers)) added = withHeader(added, name, String(value));
      if (auth) {
        const pair = Buffer.from(`${auth.username}:${auth.password ?? ''}`, 'utf8').toString('base64');
        added = withHeader(added, 'authorization', `Basic ${pair}`);
      }
      const url = new URL(request.url);
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
      return { ...request, url, headers: added };
    },
  };
}

type Made = {
  readonly baseUri?: unknown;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly auth?: { readonly username?: unknown; readonly password?: unknown };
};
