import { inputSchema } from '../auth/types.ts';
import type { AuthOption, Connector } from '../connector/connector.ts';
import { formOf } from '../connector/schema.ts';
import type { Values } from '../connector/values.ts';
import { isTielineError, TielineError } from '../errors.ts';
import { optionNamed } from '../execute/connect.ts';
import { signInKind } from '../execute/signin.ts';
import { checkArguments } from '../execute/validate.ts';
import { few } from '../quoted.ts';

/**
 * The auth option that credentials are for: the one named, else the first that knows all their fields and has what it
 * needs. Throws `arguments_invalid` with what is wrong, and what to do where a person has to sign in.
 */
export function optionFor(connector: Connector, credentials: Values, key: string | undefined): AuthOption {
  const candidates = key === undefined ? [...connector.options.values()] : [optionNamed(connector, key)];
  const direct = candidates.filter((it) => signInKind(it) === undefined);
  if (direct.length === 0) {
    throw new TielineError('arguments_invalid', `a person has to sign in at ${connector.title}`, {
      hint: 'Ask for a consent_url: POST /api/v1/integrations/connectors/oauth/initiate.',
    });
  }
  const problems = direct.map((option) => problemOf(option, credentials));
  const fitting = direct[problems.indexOf(undefined)];
  if (fitting) return fitting;
  const told = direct.map((option, i) => `option ${option.key}: ${problems[i]}`);
  throw new TielineError('arguments_invalid', `the credentials do not fit: ${told.join('; ')}`, {
    hint: `Correct them; GET /api/v1/connectors/${connector.name} has the fields of each option.`,
  });
}

function problemOf(option: AuthOption, credentials: Values): string | undefined {
  const schema = inputSchema(option);
  const { fields } = formOf(schema);
  // A schema that does not forbid other fields would take those of another option.
  const others = Object.keys(credentials).filter((name) => !fields[name]);
  if (others.length > 0) return `${few(others)} not known`;
  try {
    checkArguments(schema, credentials, 'it');
    return undefined;
  } catch (error) {
    if (!isTielineError(error)) throw error;
    return error.message.replace(/^it do not fit: /, '');
  }
}
