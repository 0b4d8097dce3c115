import { inputSchema } from '../../auth/types.ts';
import { webAddress } from '../../auth/webaddress.ts';
import type { AuthOption, Connector } from '../../connector/connector.ts';
import { extendSchema, formOf } from '../../connector/schema.ts';
import type { JsonSchema, Values } from '../../connector/values.ts';
import { TielineError } from '../../errors.ts';
import { optionNamed } from '../../execute/connect.ts';
import { signInKind } from '../../execute/signin.ts';
import { checkArguments, findProblems } from '../../execute/validate.ts';
import type { Backend } from '../context.ts';

export type Wanted = { readonly organization: string; readonly option?: string | undefined; readonly input: Values };

/**
 * The ways to connect among which a person may choose: those that have a place for what the program gave already, and
 * whose OAuth app is set. The first is the one to propose. Throws `arguments_invalid`, `config_invalid` where none is left.
 */
export async function choicesOf(
  { engine, url }: Pick<Backend, 'engine' | 'url'>,
  connector: Connector,
  { organization, option: key, input }: Wanted,
): Promise<readonly [AuthOption, ...AuthOption[]]> {
  const { defaultOption } = connector;
  const others = [...connector.options.values()].filter((it) => it !== defaultOption);
  const named = key === undefined ? [defaultOption, ...others] : [optionNamed(connector, key)];
  const fitting = named.filter((it) => findProblems(givenSchema(it), input).length === 0);
  for (const option of fitting.length === 0 ? named.slice(0, 1) : []) {
    checkArguments(givenSchema(option), input, `the credentials (option ${option.key})`);
  }
  const missing = missingOf(connector, await engine.app(connector.name, organization));
  const [first, ...more] = fitting.filter((it) => missing.length === 0 || signInKind(it) === undefined);
  if (first) return [first, ...more];
  const { helpUri } = connector.definition.app ?? {};
  const where = helpUri !== undefined && webAddress(helpUri) ? ` at ${helpUri}` : '';
  throw new TielineError('config_invalid', `the OAuth app of ${connector.title} is not set up: ${missing.join(', ')}`, {
    hint: `Make one${where} with the redirect address ${callbackUrl(url, connector)}, and set it: PUT /api/v1/connectors/${connector.name}/app`,
  });
}

/** Where providers send browsers back to. One for each connector, so that the answer of one is not taken for another's. */
export const callbackUrl = (url: string, { name }: Connector): string => `${url}/callback/${name}`;

/** Some of what the person would type, and nothing else. */
const givenSchema = (option: AuthOption): JsonSchema => extendSchema({}, formOf(inputSchema(option)).fields);

function missingOf({ definition: { app } }: Connector, there: Values): readonly string[] {
  const { required } = formOf(app?.schema);
  return required.filter((it) => there[it] === undefined || there[it] === '');
}
