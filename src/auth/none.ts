import type { AuthType } from './type.ts';

export const none: AuthType = {
  schema: { type: 'object', properties: {} },
  apply: (_option, _scope, request) => request,
};
