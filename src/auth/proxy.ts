import type { AuthType } from './type.ts';

/** Another account authenticates the request, at a connector whose credentials this one's expressions never see. */
export const proxy: AuthType = {
  schema: {
    type: 'object',
    properties: {
      integration: {
        type: 'string',
        title: 'Account',
        description: 'Identifier of the account to use; the default one when empty.',
      },
    },
  },
  apply: (_option, _scope, request) => request,
};
