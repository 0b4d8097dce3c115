import type { Credential } from '../auth/credential.ts';
import { authType, inputSchema, renewalFor } from '../auth/types.ts';
import type { AuthOption, Connector } from '../connector/connector.ts';
import { formOf } from '../connector/schema.ts';
import type { Values } from '../connector/values.ts';
import { isTielineError, TielineError } from '../errors.ts';
import { signInKind } from '../execute/signin.ts';
import { checkArguments } from '../execute/validate.ts';
import { shortened } from '../quoted.ts';

/** Credentials as a program gives them, taken apart. */
export type Given = {
  readonly option: AuthOption;
  /** The fields that a user would type. */
  readonly input: Values;
  /** Tokens, and what else a provider gave. */
  readonly values: Values;
  readonly expiresAt: number | undefined;
};

/** Names under which tokens travel (RFC 6749 §5.1), and under which a credential keeps them. */
const TOKENS = { access_token: 'accessToken', refresh_token: 'refreshToken' } as const;

/**
 * Finds the auth option that credentials are for, the one of `key` or the first that they fit, and tells fields from
 * tokens. Throws `arguments_invalid`.
 */
export function readCredentials(connector: Connector, credentials: Values, key: string | undefined): Given {
  const named = key === undefined ? undefined : connector.options.get(key);
  if (key !== undefined && !named) {
    throw new TielineError('arguments_invalid', `${connector.name} has no auth option ${shortened(key)}`, {
      hint: `Use one of: ${[...connector.options.keys()].join(', ')}`,
    });
  }
  if (named) return readFor(named, credentials);
  const problems: TielineError[] = [];
  const found: Given[] = [];
  for (const option of connector.options.values()) {
    try {
      found.push(readFor(option, credentials));
    } catch (error) {
      if (!isTielineError(error)) throw error;
      problems.push(error);
    }
  }
  // Of several, the one that names every field itself.
  const best = found.find((it) => Object.keys(it.values).length === 0) ?? found[0];
  if (best) return best;
  if (problems.length === 1 && problems[0]) throw problems[0];
  throw new TielineError('arguments_invalid', `the credentials fit no way to authenticate at ${connector.title}`, {
    hint: `Give the fields of one of: ${[...connector.options.values()].map(described).join('; ')}`,
  });
}

function readFor(option: AuthOption, credentials: Values): Given {
  if (option.spec.type === 'proxy') {
    throw new TielineError('usage', `${option.key} acts as the account of another connector, and there is none here`, {
      hint: 'Use a Tieline server for it.',
    });
  }
  const schema = inputSchema(option);
  const { fields } = formOf(schema);
  const input: Record<string, unknown> = {};
  const values: Record<string, unknown> = {};
  const isRenewed = renewalFor(option) !== undefined;
  for (const [name, value] of Object.entries(credentials)) {
    if (value === undefined || value === '') continue;
    if (Object.hasOwn(fields, name)) input[name] = value;
    else if (name === 'state' && isValues(value)) Object.assign(values, value);
    else if (isRenewed && isToken(name) && typeof value === 'string') values[TOKENS[name]] = value;
    else if (name !== 'expires_at') {
      throw new TielineError('arguments_invalid', `${option.key} has no field ${shortened(name)}`, {
        hint: `It takes: ${described(option)}`,
      });
    }
  }
  checkArguments(schema, input, `the credentials (option ${option.key})`);
  if (signInKind(option) !== undefined && !('accessToken' in values) && !('refreshToken' in values)) {
    throw new TielineError('arguments_invalid', `${option.key} needs the tokens of somebody who has signed in`, {
      hint: 'Give refresh_token, or access_token.',
    });
  }
  const expires = credentials.expires_at;
  const expiresAt = typeof expires === 'string' ? Date.parse(expires) : Number.NaN;
  if (expires !== undefined && Number.isNaN(expiresAt)) {
    throw new TielineError('arguments_invalid', 'expires_at is no time', { hint: 'Give it as ISO 8601.' });
  }
  return { option, input, values, expiresAt: Number.isNaN(expiresAt) ? undefined : expiresAt };
}

const isToken = (name: string): name is keyof typeof TOKENS => Object.hasOwn(TOKENS, name);

const isValues = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function described(option: AuthOption): string {
  const { fields } = formOf(inputSchema(option));
  const tokens = authType(option).renewal && signInKind(option) ? Object.keys(TOKENS) : [];
  const names = [...new Set([...Object.keys(fields), ...tokens])];
  return `${option.key}${names.length > 0 ? ` (${names.join(', ')})` : ''}`;
}

/** The credentials as a program can give them again. `made` is what the definition makes of the fields alone. */
export function shownCredentials({ input, values, expiresAt }: Credential, option: AuthOption, made: Values): Values {
  const { fields } = formOf(inputSchema(option));
  const shown: Record<string, unknown> = { ...input };
  for (const [name, own] of Object.entries(TOKENS)) {
    const isField = Object.hasOwn(fields, name);
    if (values[own] !== undefined && (isField || values[own] !== made[own])) shown[name] = values[own];
  }
  const tokens: readonly string[] = Object.values(TOKENS);
  const state = Object.entries(values).filter(([name, value]) => !tokens.includes(name) && value !== made[name]);
  return {
    ...shown,
    ...(expiresAt !== undefined && { expires_at: new Date(expiresAt).toISOString() }),
    ...(state.length > 0 && { state: Object.fromEntries(state) }),
  };
}
