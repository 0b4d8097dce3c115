import type { AuthOption } from '../connector/connector.ts';
import type { Values } from '../connector/values.ts';
import { TielineError } from '../errors.ts';
import type { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import { runMethod } from './method.ts';
import { templateTree } from './option.ts';
import type { JwtAlgorithm } from './sign/jwt.ts';

type Texts = Readonly<Record<string, string>>;

export type AssertionConfig = {
  readonly privateKey: string;
  readonly keyId?: string;
  readonly algorithm: JwtAlgorithm;
  readonly issuer?: string;
  readonly subject?: string;
  readonly audience?: string;
  /** Seconds. */
  readonly ttl: number;
  readonly claims?: Values;
};

/** What `getOAuthConfig` gave for one account. */
export type OAuthConfig = {
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly authorizeUri?: string;
  readonly tokenUri: string;
  readonly refreshUri?: string;
  readonly revokeUri?: string;
  readonly deviceUri?: string;
  readonly issuer?: string;
  readonly scopes: readonly string[];
  readonly scopeSeparator?: string;
  readonly clientAuthLocation?: string;
  readonly pkce?: 'S256' | 'off';
  readonly codeParam?: string;
  readonly audience?: string;
  readonly resource?: string;
  readonly extra?: Texts;
  readonly extraToken?: Texts;
  readonly extraRefresh?: Texts;
  readonly tokenHeaders?: Texts;
  readonly tokenMethod?: 'POST' | 'GET';
  readonly tokenBody?: 'form' | 'json' | 'query';
  readonly trustedCa?: string;
  readonly noRefreshToken?: boolean;
  readonly assertion?: AssertionConfig;
  readonly username?: string;
  readonly password?: string;
  readonly subjectToken?: string;
  readonly subjectTokenType?: string;
  readonly actorToken?: string;
  readonly actorTokenType?: string;
  readonly requestedTokenType?: string;
  /** Of every token request: audience, resource and extraToken. */
  readonly tokenParameters: Texts;
  /** What the definition makes of a token response, beyond RFC 6749. */
  readonly late: Late;
};

type Late = {
  readonly tokenPath?: string;
  readonly refreshTokenPath?: string;
  readonly expiry?: { readonly in?: string; readonly at?: string; readonly fixed?: number; readonly unit?: 's' | 'ms' };
  readonly save?: { readonly account?: Texts; readonly credentials?: Texts };
};

/** The option's OAuth settings for one account. Throws `config_invalid` when the client ID or an endpoint is missing. */
export function oauthConfig(option: AuthOption, scope: Scope, scripts?: Scripts): OAuthConfig {
  const method = option.methods.getOAuthConfig;
  if (!method) throw new TielineError('definition_invalid', `auth option ${option.key} has no getOAuthConfig`);
  const { spec } = option;
  const declared = spec.type === 'oauth2' ? spec.scopes : [];
  // What is read from an answer can be evaluated only once there is one.
  const { tokenPath, refreshTokenPath, expiry, save, ...now } = method.mapping ?? {};
  const late = { tokenPath, refreshTokenPath, expiry, save } as Late;
  const source = method.javascript === undefined ? { mapping: mappingOf(method.mapping ?? {}, now) } : method;
  const config = runMethod(source, { ...scope, grant: { scopes: declared } }, scripts) as Partial<OAuthConfig>;
  const misplaced = ['tokenPath', 'refreshTokenPath', 'expiry', 'save'].find((key) => Object.hasOwn(config, key));
  if (misplaced !== undefined) {
    throw new TielineError('definition_invalid', `getOAuthConfig as JavaScript cannot give ${misplaced}`, {
      hint: 'Read the answer in getCredentialsFromAccessTokenResponse and getCredentialsFromRefreshTokenResponse.',
    });
  }
  const isOwnKey = spec.type === 'oauth2' && spec.grant === 'jwt_bearer';
  if (!config.clientId && !isOwnKey) {
    throw new TielineError('config_invalid', 'the OAuth client ID is not set', {
      hint: 'Set the app of this connector in config.yaml, or let `tieline connect` ask for it.',
    });
  }
  const { clientId = '', tokenUri = '', refreshUri = tokenUri } = config;
  if (!URL.canParse(tokenUri) || !URL.canParse(refreshUri)) {
    throw new TielineError('definition_invalid', `auth option ${option.key} gives no address to get tokens at`);
  }
  const scopes: string | readonly string[] = config.scopes ?? declared;
  const { audience, resource, extraToken } = config;
  const tokenParameters = { ...(audience && { audience }), ...(resource && { resource }), ...extraToken };
  return {
    ...config,
    clientId,
    tokenUri,
    tokenParameters,
    late,
    scopes: typeof scopes === 'string' ? [scopes] : scopes,
  };
}

const mappings = new WeakMap<object, object>();

/** One object for each mapping, by which its compiled form is found again. */
function mappingOf(source: object, now: object): object {
  const known = mappings.get(source) ?? now;
  mappings.set(source, known);
  return known;
}

/** An answer of a token endpoint and, after a sign-in, the parameters of the callback. */
export type Given = { readonly response: { status: number; headers: Texts; body: unknown }; readonly callback?: Texts };

/** What the definition reads from an answer. Undefined where it does not say or the answer has nothing there. */
export type Reading = {
  readonly accessToken?: string;
  readonly refreshToken?: string;
  /** Milliseconds from now. */
  readonly life?: number;
  readonly account: Values;
  readonly credentials: Values;
};

export function readAnswer(
  { late }: Pick<OAuthConfig, 'late'>,
  given: Given,
  { scope, scripts, now }: { scope: Scope; scripts?: Scripts | undefined; now: number },
): Reading {
  const seen = { ...scope, ...given };
  const value = (source: string | undefined) =>
    source === undefined ? undefined : templateTree(source).evaluate(seen, scripts);
  const text = (source: string | undefined) => {
    const found = value(source);
    return typeof found === 'string' && found !== '' ? found : undefined;
  };
  const values = (source: Texts | undefined) =>
    source === undefined ? {} : (templateTree(source).evaluate(seen, scripts) as Values);
  const [accessToken, refreshToken] = [text(late.tokenPath), text(late.refreshTokenPath)];
  const life = lifeOf(late.expiry, value, now);
  return {
    ...(accessToken !== undefined && { accessToken }),
    ...(refreshToken !== undefined && { refreshToken }),
    ...(life !== undefined && { life }),
    account: values(late.save?.account),
    credentials: values(late.save?.credentials),
  };
}

function lifeOf(expiry: Late['expiry'], value: (source?: string) => unknown, now: number): number | undefined {
  if (!expiry) return undefined;
  const unit = expiry.unit === 'ms' ? 1 : 1_000;
  const within = Number(value(expiry.in) ?? Number.NaN) * unit;
  if (within > 0) return within;
  const at = value(expiry.at);
  const end = typeof at === 'string' && Number.isNaN(Number(at)) ? Date.parse(at) : Number(at ?? Number.NaN) * unit;
  // A clock that is wrong makes it dead on arrival: then it is due at once, and a refresh follows.
  if (Number.isFinite(end)) return Math.max(0, end - now);
  return expiry.fixed === undefined ? undefined : expiry.fixed * unit;
}
