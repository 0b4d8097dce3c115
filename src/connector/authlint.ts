import type { Definition } from './definition.ts';
import { hostOf } from './host.ts';
import type { Path, Report } from './problem.ts';

/** What the auth options of a definition lack, and hosts that their requests would not reach. */
export function lintAuth(definition: Definition, report: Report): void {
  const { baseUrl, allowHosts } = definition.server;
  const declared = [hostOf(baseUrl), ...allowHosts.map((it) => hostOf(it) ?? it)];
  const checkHost = (address: unknown, path: Path) => {
    const host = typeof address === 'string' ? hostOf(address) : undefined;
    if (host === undefined || declared.includes(host)) return;
    report(path, 'host', `${host} is not among server.allowHosts`);
  };
  const lintMethods = (methods: Definition['auth']['methods'], path: Path) => {
    for (const name of ['getOAuthConfig', 'getOAuth1Config'] as const) {
      const mapping: Readonly<Record<string, unknown>> = methods[name]?.mapping ?? {};
      for (const key of ENDPOINTS) checkHost(mapping[key], [...path, name, 'mapping', key]);
    }
    for (const name of ['refreshCredentials', 'getTokenData', 'revoke', 'test'] as const) {
      checkHost(methods[name]?.request?.url, [...path, name, 'request', 'url']);
    }
    checkHost(methods.makeApiClient?.mapping?.baseUri, [...path, 'makeApiClient', 'mapping', 'baseUri']);
  };
  lintMethods(definition.auth.methods, ['auth', 'methods']);
  for (const [key, option] of Object.entries(definition.auth.options)) {
    const path: Path = ['auth', 'options', key];
    const methods = { ...definition.auth.methods, ...option.methods };
    lintMethods(option.methods, [...path, 'methods']);
    if (option.type === 'token_request') {
      const requests = option.request ? [option.request] : (option.steps ?? []).map((it) => it.request);
      requests.forEach((it, i) => {
        const own: Path = option.request ? [...path, 'request'] : [...path, 'steps', i, 'request'];
        checkHost(it.url, [...own, 'url']);
        checkHost(it.baseUrl, [...own, 'baseUrl']);
      });
    }
    // The other types know by themselves what to ask for, or need an app only.
    const isTyped = option.type === 'token_request' || (option.type === 'oauth2' && option.grant === 'refresh_token');
    if (isTyped && option.ui.schema === undefined) {
      report([...path, 'type'], 'ui', 'ui.schema is missing: nobody can type what it needs');
    }
    if (option.type === 'oauth2' && !methods.getOAuthConfig) {
      report([...path, 'type'], 'methods', 'getOAuthConfig is missing');
    }
    if (option.type === 'oauth1' && !methods.getOAuth1Config) {
      report([...path, 'type'], 'methods', 'getOAuth1Config is missing');
    }
  }
}

/** Those that Tieline itself reaches; authorizeUri is for the browser. */
const ENDPOINTS = ['tokenUri', 'refreshUri', 'revokeUri', 'deviceUri', 'requestTokenUri'];
