/** The SDK's low-level `Server`: the list is one prepared object, and a schema is compiled when its tool is first called. */
import { Server } from '@modelcontextprotocol/server';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv';
import { listIssues, tools } from './common.mjs';
import { serve } from './sdk.mjs';

const schemas = new AjvJsonSchemaValidator();
const validators = new Map();

function validatorOf(name) {
  const known = validators.get(name) ?? schemas.getValidator(tools.find((it) => it.name === name).inputSchema);
  validators.set(name, known);
  return known;
}

await serve(() => {
  const server = new Server({ name: 'bench', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/list', () => ({ tools }));
  server.setRequestHandler('tools/call', ({ params: { name, arguments: given = {} } }) => {
    const { valid, errorMessage } = validatorOf(name)(given);
    return valid ? listIssues(given) : { isError: true, content: [{ type: 'text', text: errorMessage }] };
  });
  return server;
});
