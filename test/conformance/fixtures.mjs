/**
 * What the official conformance suite wants to find on a server: tools, prompts and resources of its own names. They go
 * into the server as an extension, beside the tools of the catalog.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { acceptedContent, createRequestStateCodec, inputRequired, ProtocolError } from '@modelcontextprotocol/server';
import { setPromptHandlers } from './prompts.mjs';
import { setResourceHandlers } from './resources.mjs';
import { AUDIO, IMAGE, image, text } from './samples.mjs';

const INVALID_PARAMS = -32602;
const states = createRequestStateCodec({ key: 'only for the conformance suite, 32 bytes' });

const form = (message, properties, required = Object.keys(properties)) =>
  inputRequired.elicit({ message, requestedSchema: { type: 'object', properties, required } });
const nameForm = () => form('What is your name?', { name: { type: 'string' } });
const question = (words, maxTokens) =>
  inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: words } }],
    maxTokens,
  });
const answer = (words) => ({ content: [text(words)] });
const ask = (inputRequests, requestState) =>
  inputRequired({ inputRequests, ...(requestState !== undefined && { requestState }) });

/** What a state that came back says; undefined where none came. */
async function stateOf(context) {
  const state = context.mcpReq.requestState();
  if (state === undefined) return undefined;
  try {
    return await states.verify(state, context);
  } catch {
    throw new ProtocolError(INVALID_PARAMS, 'The state is not one that was given out here');
  }
}

const logged = async (_, { mcpReq }) => {
  for (const words of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
    await mcpReq.log('info', words);
    await sleep(50);
  }
  return answer('It has been logged.');
};

const responses = ({ mcpReq }) => mcpReq.inputResponses ?? {};
const confirm = () => form('Please confirm', { ok: { type: 'boolean' } });
const askedOnce = async (context, requests) => ask(requests, await states.mint({ step: 1 }, context));

/** By name: what it says of itself, what it does, and its arguments. */
const TOOLS = {
  test_simple_text: ['Answers with text.', () => answer('This is a simple text response for testing.')],
  test_image_content: ['Answers with an image.', () => ({ content: [image] })],
  test_audio_content: [
    'Answers with sound.',
    () => ({ content: [{ type: 'audio', data: AUDIO, mimeType: 'audio/wav' }] }),
  ],
  test_embedded_resource: [
    'Answers with a resource.',
    () => ({
      content: [
        {
          type: 'resource',
          resource: {
            uri: 'test://embedded-resource',
            mimeType: 'text/plain',
            text: 'This is an embedded resource content.',
          },
        },
      ],
    }),
  ],
  test_multiple_content_types: [
    'Answers with several kinds of content.',
    () => ({
      content: [
        text('Multiple content types test:'),
        { type: 'image', data: IMAGE, mimeType: 'image/png' },
        {
          type: 'resource',
          resource: {
            uri: 'test://mixed-content-resource',
            mimeType: 'application/json',
            text: JSON.stringify({ test: 'data', value: 123 }),
          },
        },
      ],
    }),
  ],
  test_tool_with_logging: ['Logs while it runs.', logged],
  test_logging_tool: ['Logs while it runs.', logged],
  test_tool_with_progress: [
    'Tells how far it is.',
    async (_, { mcpReq }) => {
      const { progressToken } = mcpReq._meta ?? {};
      for (const progress of [0, 50, 100]) {
        const params = { progressToken, progress, total: 100 };
        if (progressToken !== undefined) await mcpReq.notify({ method: 'notifications/progress', params });
        await sleep(50);
      }
      return answer('It is done.');
    },
  ],
  test_error_handling: [
    'Fails.',
    () => ({ isError: true, content: [text('This tool intentionally returns an error for testing')] }),
  ],
  json_schema_2020_12_tool: [
    'Takes arguments by a schema with much of JSON Schema 2020-12.',
    () => answer('They fit.'),
    {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $defs: {
        address: {
          $anchor: 'addressDef',
          type: 'object',
          properties: { street: { type: 'string' }, city: { type: 'string' } },
        },
      },
      properties: {
        name: { type: 'string' },
        address: { $ref: '#/$defs/address' },
        contactMethod: { type: 'string', enum: ['phone', 'email'] },
        phone: { type: 'string' },
        email: { type: 'string' },
      },
      allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
      if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
      // biome-ignore lint/suspicious/noThenProperty: a word of JSON Schema
      then: { required: ['phone'] },
      else: { required: ['email'] },
    },
  ],
  test_missing_capability: [
    'Needs a client that samples.',
    (_, context) => (responses(context).sample ? answer('Sampled.') : ask({ sample: question('Say something.', 10) })),
  ],
  test_streaming_elicitation: [
    'Asks for input while it streams.',
    async (_, context) => {
      const { progressToken = 'none' } = context.mcpReq._meta ?? {};
      await context.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 1 } });
      return responses(context).user_name ? answer('Thank you.') : ask({ user_name: nameForm() });
    },
  ],
  test_sampling: [
    'Asks the model of the client.',
    ({ prompt }, context) => {
      const said = responses(context).answer;
      return said ? answer(`LLM response: ${said.content?.text}`) : ask({ answer: question(String(prompt), 100) });
    },
    { properties: { prompt: { type: 'string' } }, required: ['prompt'] },
  ],
  test_elicitation: [
    'Asks the user.',
    ({ message }, context) =>
      responses(context).user
        ? answer(`User response: ${JSON.stringify(responses(context).user)}`)
        : ask({ user: form(String(message), { username: { type: 'string' }, email: { type: 'string' } }) }),
    { properties: { message: { type: 'string' } }, required: ['message'] },
  ],
  test_elicitation_sep1034_defaults: [
    'Asks the user, with values to begin with.',
    (_, context) =>
      responses(context).user
        ? answer(`Elicitation completed: ${JSON.stringify(responses(context).user)}`)
        : ask({
            user: form('Please review.', {
              name: { type: 'string', default: 'John Doe' },
              age: { type: 'integer', default: 30 },
              score: { type: 'number', default: 95.5 },
              status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
              verified: { type: 'boolean', default: true },
            }),
          }),
  ],
  test_elicitation_sep1330_enums: [
    'Asks the user to choose.',
    (_, context) =>
      responses(context).user
        ? answer(`Elicitation completed: ${JSON.stringify(responses(context).user)}`)
        : ask({ user: form('Please choose.', CHOICES) }),
  ],
  test_input_required_result_elicitation: [
    'Asks for a name.',
    (_, context) => {
      const name = acceptedContent(responses(context), 'user_name')?.name;
      return typeof name === 'string' ? answer(`Hello, ${name}!`) : ask({ user_name: nameForm() });
    },
  ],
  test_input_required_result_sampling: [
    'Asks the model.',
    (_, context) => {
      const said = responses(context).capital_question?.content?.text;
      return said === undefined
        ? ask({ capital_question: question('What is the capital of France?', 100) })
        : answer(said);
    },
  ],
  test_input_required_result_list_roots: [
    'Asks for roots.',
    (_, context) => {
      const { roots } = responses(context).client_roots ?? {};
      return roots ? answer(`Roots: ${JSON.stringify(roots)}`) : ask({ client_roots: inputRequired.listRoots() });
    },
  ],
  test_input_required_result_request_state: [
    'Gets its state back.',
    async (_, context) => {
      const state = await stateOf(context);
      return state && responses(context).confirm ? answer('state-ok') : askedOnce(context, { confirm: confirm() });
    },
  ],
  test_input_required_result_tampered_state: [
    'Refuses a state that was changed.',
    async (_, context) => {
      const state = await stateOf(context);
      return state ? answer('state-ok') : askedOnce(context, { confirm: confirm() });
    },
  ],
  test_input_required_result_multiple_inputs: [
    'Asks for three things at once.',
    async (_, context) => {
      const state = await stateOf(context);
      const { user_name, greeting, client_roots } = responses(context);
      if (state && user_name && greeting && client_roots) return answer('All of it came.');
      return askedOnce(context, {
        user_name: nameForm(),
        greeting: question('Generate a greeting', 50),
        client_roots: inputRequired.listRoots(),
      });
    },
  ],
  test_input_required_result_multi_round: [
    'Asks twice.',
    async (_, context) => {
      const state = await stateOf(context);
      if (state?.step === 2) return answer('That was all.');
      if (state?.step !== 1) return askedOnce(context, { step1: form('Step 1: What is your name?', NAME) });
      const step2 = form('Step 2: What is your favorite color?', { color: { type: 'string' } });
      return ask({ step2 }, await states.mint({ step: 2 }, context));
    },
  ],
  test_input_required_result_capabilities: [
    'Asks for what the client can do.',
    (_, __, { capabilities }) =>
      ask({
        ...(capabilities?.sampling && { sample: question('Say something.', 10) }),
        ...(capabilities?.elicitation && { user_name: nameForm() }),
      }),
  ],
};

const NAME = { name: { type: 'string' } };
const titled = (word, label) =>
  ['First', 'Second', 'Third'].map((it, i) => ({ const: `${word}${i + 1}`, title: `${it} ${label}` }));
const CHOICES = {
  untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
  titledSingle: { type: 'string', oneOf: titled('value', 'Option') },
  legacyEnum: {
    type: 'string',
    enum: ['opt1', 'opt2', 'opt3'],
    enumNames: ['Option One', 'Option Two', 'Option Three'],
  },
  untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
  titledMulti: { type: 'array', items: { anyOf: titled('value', 'Choice') } },
};

/** @type {import('../../dist/mcp/extension.js').Extension} */
export const fixtures = {
  tools: Object.entries(TOOLS).map(([name, [description, , schema = {}]]) => ({
    name,
    title: name,
    description,
    inputSchema: { type: 'object', properties: {}, additionalProperties: false, ...schema },
    annotations: { readOnlyHint: true },
  })),
  call: async ({ params }, context, connected) => TOOLS[params.name][1](params.arguments ?? {}, context, connected),
  capabilities: { prompts: {}, resources: { subscribe: true }, completions: {}, logging: {} },
  handlers(server) {
    setPromptHandlers(server);
    setResourceHandlers(server);
  },
};
