import { operations } from './operations.mjs';
import { TOKEN } from './records.mjs';

/** The same API as the configuration of Toolbox; JSON is YAML. */
export function toolboxConfig(count, url) {
  const api = {
    kind: 'http',
    baseUrl: url,
    allowPrivateNetworks: true,
    headers: { Authorization: `Bearer ${TOKEN}` },
  };
  return { sources: { api }, tools: Object.fromEntries(operations(count).map((it) => [it.name, tool(it)])) };
}

function tool({ method, path, summary, params }) {
  const at = (place) =>
    params
      .filter((it) => it.in === place)
      .map(({ name, type, required = false, description }) => ({ name, type, required, description }));
  const body = at('body');
  const template = `{${body.map((it) => `"${it.name}": {{json .${it.name}}}`).join(', ')}}`;
  return {
    kind: 'http',
    source: 'api',
    method: method.toUpperCase(),
    path: path.replace(/\{(\w+)\}/g, '{{.$1}}'),
    description: summary,
    ...parameters('pathParams', at('path')),
    ...parameters('queryParams', at('query')),
    ...(body.length > 0 && { requestBody: template, bodyParams: body }),
  };
}

const parameters = (name, list) => (list.length > 0 ? { [name]: list } : {});
