import { TielineError } from '../errors.ts';
import type { ActionInfo, ConnectorInfo, JsonSchema } from './catalog.ts';
import { type AnyConnector, answerFor, type ToolOptions } from './toolanswer.ts';

export type { AnyConnector, ToolOptions } from './toolanswer.ts';

type Values = Readonly<Record<string, unknown>>;

/** A function tool as the Chat Completions API of OpenAI takes it. */
export type OpenAiTool = {
  readonly type: 'function';
  readonly function: {
    readonly name: string;
    readonly description: string;
    readonly parameters: Record<string, unknown>;
  };
};

export type OpenAiTools = {
  readonly tools: OpenAiTool[];
  /**
   * Runs a tool call, with its arguments as the model wrote them, and gives what to answer the model with. What a model
   * can act on, such as wrong arguments, is an answer too. Throws `action_unknown` for a name that is not in `tools`.
   */
  call(name: string, args: string | Values): Promise<string>;
};

/** Every action of a connector as a function tool of its own. */
export async function openaiTools(connector: AnyConnector, options: ToolOptions = {}): Promise<OpenAiTools> {
  const pairs = pairsOf(await connector.describe());
  return {
    tools: pairs.map(({ action }) => ({
      type: 'function',
      function: { name: action.tool, description: action.summary, parameters: { ...action.paramsSchema } },
    })),
    async call(name, args) {
      const found = pairs.find(({ action }) => action.tool === name);
      if (!found) throw new TielineError('action_unknown', `there is no tool ${name}`);
      return answerFor(connector, found.entity, found.action, args, options);
    },
  };
}

/** A tool as the AI SDK takes it (`tools` of `generateText`), with its parameters as a Standard JSON Schema. */
export type AiTool = {
  readonly description: string;
  readonly inputSchema: {
    readonly '~standard': {
      readonly version: 1;
      readonly vendor: string;
      validate(value: unknown): { readonly value: Values };
      readonly jsonSchema: {
        input(options: { readonly target: string }): Record<string, unknown>;
        output(options: { readonly target: string }): Record<string, unknown>;
      };
    };
  };
  execute(params: Values, more?: { readonly abortSignal?: AbortSignal | undefined }): Promise<string>;
};

/** Every action of a connector as a tool of the AI SDK (package `ai`, 7 and later), by its name. */
export async function aiTools(connector: AnyConnector, options: ToolOptions = {}): Promise<Record<string, AiTool>> {
  const tools = pairsOf(await connector.describe()).map(({ entity, action }): [string, AiTool] => [
    action.tool,
    {
      description: action.summary,
      inputSchema: standardSchema(action.paramsSchema),
      execute: (params, { abortSignal: signal } = {}) =>
        answerFor(connector, entity, action, params, { ...options, signal }),
    },
  ]);
  return Object.fromEntries(tools);
}

function standardSchema(schema: JsonSchema): AiTool['inputSchema'] {
  // The arguments are checked where they are used, which tells the model what is wrong with them.
  const validate = (value: unknown) => ({ value: value as Values });
  const copy = () => opened(schema) as Record<string, unknown>;
  return { '~standard': { version: 1, vendor: 'tieline', validate, jsonSchema: { input: copy, output: copy } } };
}

/** A copy that says of free objects that they are free: the AI SDK closes those that say nothing. */
function opened(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(opened);
  if (node === null || typeof node !== 'object') return node;
  const copy = Object.fromEntries(Object.entries(node).map(([name, it]) => [name, opened(it)]));
  const isFree = copy.type === 'object' && (copy.additionalProperties ?? true) === true;
  return isFree ? { ...copy, additionalProperties: {} } : copy;
}

/** One tool for a whole connector. */
export type AgentTool = {
  readonly name: string;
  /** Says what entities and actions there are, with their parameters in brief. */
  readonly description: string;
  readonly inputSchema: Record<string, unknown>;
  execute(input: { readonly entity: string; readonly action: string; readonly params?: Values }): Promise<string>;
};

/** All actions of a connector behind one tool, for models and frameworks that want few. */
export async function agentTool(connector: AnyConnector, options: ToolOptions = {}): Promise<AgentTool> {
  const info = await connector.describe();
  const pairs = pairsOf(info);
  return {
    name: info.name,
    description: [
      `${info.title}: ${info.summary}`,
      'Give entity, action and params. A ? marks what may be left out.',
      ...pairs.map(
        (it) => `- ${it.entity} ${it.action.name}(${briefly(it.action.paramsSchema)}): ${it.action.summary}`,
      ),
    ].join('\n'),
    inputSchema: {
      type: 'object',
      required: ['entity', 'action'],
      properties: {
        entity: { type: 'string', enum: info.entities.map((it) => it.name) },
        action: { type: 'string', enum: [...new Set(pairs.map((it) => it.action.name))] },
        params: { type: 'object', description: 'Parameters of the action.', additionalProperties: {} },
      },
      additionalProperties: false,
    },
    async execute({ entity, action, params = {} }) {
      const found = pairs.find((it) => it.entity === entity && it.action.name === action);
      return found
        ? answerFor(connector, entity, found.action, params, options)
        : JSON.stringify({ error: unknownPair(info, entity, action) });
    },
  };
}

type Pair = { readonly entity: string; readonly action: ActionInfo };

const pairsOf = ({ entities }: ConnectorInfo): readonly Pair[] =>
  entities.flatMap(({ name, actions }) => actions.map((action) => ({ entity: name, action })));

function briefly({ properties = {}, required = [] }: JsonSchema): string {
  const needed = required as readonly string[];
  return Object.keys(properties as object)
    .map((name) => (needed.includes(name) ? name : `${name}?`))
    .join(', ');
}

function unknownPair({ entities }: ConnectorInfo, entity: string, action: string) {
  const actions = entities.find((it) => it.name === entity)?.actions;
  const there = (actions ?? entities).map((it) => it.name).join(', ');
  return {
    code: 'action_unknown',
    message: actions ? `${entity} has no action ${action}` : `there is no entity ${entity}`,
    hint: `Use one of: ${there}`,
  };
}
