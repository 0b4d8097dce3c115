import { optionOf, textOf } from './option.ts';
import type { AuthType } from './type.ts';

export const apiKey: AuthType = {
  schema: {
    type: 'object',
    required: ['apiKey'],
    properties: { apiKey: { type: 'string', title: 'API key', secret: true, minLength: 1 } },
  },
  apply: (option, scope) => {
    const { in: place, name, prefix, value } = optionOf(option, 'api_key');
    const key = prefix + textOf(value, scope, `${option.key}: the API key`);
    if (place === 'query') return { query: { [name]: key } };
    if (place === 'cookie') return { headers: { cookie: `${name}=${encodeURIComponent(key)}` } };
    return { headers: { [name.toLowerCase()]: key } };
  },
};
