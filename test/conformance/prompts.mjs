import { acceptedContent, inputRequired, ProtocolError } from '@modelcontextprotocol/server';
import { image, text } from './samples.mjs';

const INVALID_PARAMS = -32602;
const user = (content) => ({ role: 'user', content });
const argument = (name) => ({ name, description: `The argument ${name}.`, required: true });

const PROMPTS = {
  test_simple_prompt: [[], () => ({ messages: [user(text('This is a simple prompt for testing.'))] })],
  test_prompt_with_arguments: [
    ['arg1', 'arg2'],
    ({ arg1, arg2 }) => ({
      messages: [user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))],
    }),
  ],
  test_prompt_with_embedded_resource: [
    ['resourceUri'],
    ({ resourceUri: uri }) => ({
      messages: [
        user({
          type: 'resource',
          resource: { uri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' },
        }),
        user(text('Please process the embedded resource above.')),
      ],
    }),
  ],
  test_prompt_with_image: [[], () => ({ messages: [user(image), user(text('Please analyze the image above.'))] })],
  test_input_required_result_prompt: [
    [],
    (_, { mcpReq }) => {
      const given = acceptedContent(mcpReq.inputResponses, 'user_context')?.context;
      if (typeof given === 'string') return { messages: [user(text(`In this context: ${given}`))] };
      const requestedSchema = { type: 'object', properties: { context: { type: 'string' } }, required: ['context'] };
      const message = 'What context should the prompt use?';
      return inputRequired({ inputRequests: { user_context: inputRequired.elicit({ message, requestedSchema }) } });
    },
  ],
};

export function setPromptHandlers(server) {
  server.setRequestHandler('prompts/list', () => ({
    prompts: Object.entries(PROMPTS).map(([name, [names]]) => ({
      name,
      description: `The prompt ${name}.`,
      arguments: names.map(argument),
    })),
  }));
  server.setRequestHandler('prompts/get', ({ params }, context) => {
    const prompt = PROMPTS[params.name];
    if (!prompt) throw new ProtocolError(INVALID_PARAMS, `Unknown prompt: ${params.name}`);
    return prompt[1](params.arguments ?? {}, context);
  });
  server.setRequestHandler('completion/complete', () => ({ completion: { values: [], total: 0, hasMore: false } }));
}
