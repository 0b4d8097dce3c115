import { type Credential, secretsOf } from '../auth/credential.ts';
import { inputSchema } from '../auth/types.ts';
import type { AuthOption, Connector } from '../connector/connector.ts';
import { formOf } from '../connector/schema.ts';
import type { Values } from '../connector/values.ts';
import { longestFirst, Secrets } from '../secrets.ts';

type Parts = { readonly connector: Connector; readonly option: AuthOption; readonly app: Values };

/** What an account knows that must not leave with an answer or an error: its credential, and its app. */
export function accountSecrets(
  { connector, option, app }: Parts,
  credential: Pick<Credential, 'input' | 'values'>,
): Secrets {
  const secrets = new Secrets(secretsOf(credential, inputSchema(option)));
  secrets.keep(appSecrets(connector, app));
  return secrets;
}

const known = new WeakMap<Values, { readonly connector: Connector; readonly secrets: readonly string[] }>();

/** The secret ones of the parameters of an app: all but those that the definition shows openly, such as an address. */
function appSecrets(connector: Connector, app: Values): readonly string[] {
  const found = known.get(app);
  if (found?.connector === connector) return found.secrets;
  const { fields } = formOf(connector.definition.app?.schema);
  const isSecret = (name: string) => !fields[name] || fields[name].secret === true;
  const texts = Object.entries(app).flatMap(([name, it]) => (typeof it === 'string' && isSecret(name) ? [it] : []));
  const secrets = longestFirst(texts);
  known.set(app, { connector, secrets });
  return secrets;
}
