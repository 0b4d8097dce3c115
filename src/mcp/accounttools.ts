import type { Tool } from '../connector/action.ts';
import type { JsonSchema } from '../connector/values.ts';
import { mayList } from '../execute/policy.ts';
import type { Principal, Scope } from '../integration/principal.ts';
import { LONGEST_NAME } from '../limits.ts';

type AccountTool = { readonly scope: 'read' | 'manage'; readonly tool: Tool };

const connector: JsonSchema = {
  type: 'string',
  maxLength: LONGEST_NAME,
  description: 'Name of the connector, with which the names of its tools begin.',
};
const identifier: JsonSchema = {
  type: 'string',
  maxLength: LONGEST_NAME,
  description: 'Identifier of the account, as integrations_list gives it.',
};

function accountTool(
  scope: AccountTool['scope'],
  name: string,
  { title, description, properties, required = [], ...hints }: Described,
): AccountTool {
  const inputSchema: JsonSchema = { type: 'object', properties, required, additionalProperties: false };
  return { scope, tool: { name, title, description, inputSchema, annotations: { title, ...hints } } };
}

type Described = Omit<Tool['annotations'], 'title'> & {
  readonly title: string;
  readonly description: string;
  readonly properties: Readonly<Record<string, JsonSchema>>;
  readonly required?: string[];
};

/** Tools for the accounts themselves. None takes a secret: those are for the page that a link leads to. */
const ALL: readonly AccountTool[] = [
  accountTool('manage', 'integrations_connect', {
    title: 'Accounts: connect',
    description:
      'Gives the user a page on which they link an account of a connector, or link one anew. Answers with the account once they are done.',
    properties: {
      connector,
      identifier: {
        type: 'string',
        maxLength: LONGEST_NAME,
        description:
          'Name for the account; who it is at the provider by default. With reconnect, the one to link anew.',
      },
      option: {
        type: 'string',
        maxLength: LONGEST_NAME,
        description: 'Key of the way to authenticate. The user chooses by default.',
      },
      reconnect: {
        type: 'boolean',
        default: false,
        description: 'Gives an account that is there new credentials: the default one unless identifier names another.',
      },
    },
    required: ['connector'],
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: false,
    openWorldHint: true,
  }),
  accountTool('manage', 'integrations_disconnect', {
    title: 'Accounts: disconnect',
    description:
      'Removes an account and its credentials, and ends its tokens at the provider where that can be done. The account at the provider stays as it is.',
    properties: { connector, identifier },
    required: ['connector', 'identifier'],
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: false,
    openWorldHint: true,
  }),
  accountTool('read', 'integrations_list', {
    title: 'Accounts: list',
    description:
      'Lists the accounts of the user: connector, identifier, who it is at the provider, whether calls without `integration` use it, how it is and what to do about it.',
    properties: { connector: { ...connector, description: 'Only those of this connector.' } },
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  }),
  accountTool('manage', 'integrations_set_default', {
    title: 'Accounts: set default',
    description: 'Chooses the account of a connector that serves calls which name none.',
    properties: { connector, identifier },
    required: ['connector', 'identifier'],
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  }),
];

const isFor = (scopes: Principal['scopes'], { scope }: AccountTool): boolean =>
  scope === 'read' ? mayList(scopes) : scopes.has(scope);

/** Those that the caller's scopes allow, sorted by name. */
export const accountTools = (scopes: Principal['scopes']): readonly Tool[] =>
  ALL.filter((it) => isFor(scopes, it)).map((it) => it.tool);

/** The scope that a caller lacks for the tool of that name; undefined where none is lacking, or there is no such tool. */
export function missingForAccountTool(scopes: Principal['scopes'], name: string): Scope | undefined {
  const found = accountToolNamed(name);
  return found && !isFor(scopes, found) ? found.scope : undefined;
}

/** The tool of that name and the scope it needs, or undefined. */
export const accountToolNamed = (name: string): AccountTool | undefined => ALL.find((it) => it.tool.name === name);
