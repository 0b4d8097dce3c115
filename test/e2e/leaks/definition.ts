const secret = (title: string) => ({ type: 'string', secret: true, title });
const form = (properties: object) => ({
  ui: { schema: { type: 'object', required: Object.keys(properties), properties } },
});

const oauthConfig = (url: string) => ({
  clientId: '{{ app.clientId }}',
  clientSecret: '{{ app.clientSecret }}',
  authorizeUri: `${url}/authorize`,
  tokenUri: `${url}/token`,
  revokeUri: `${url}/revoke`,
  clientAuthLocation: 'both',
});

const options = (url: string) => ({
  oauth: {
    title: 'Sign in',
    type: 'oauth2',

    methods: {
      getOAuthConfig: {
        mapping: { ...oauthConfig(url), save: { credentials: { sessionKey: '{{ response.body.session_key }}' } } },
      },
    },
  },
  tokens: {
    title: 'Tokens',
    type: 'oauth2',
    grant: 'refresh_token',
    ...form({ refresh_token: secret('Refresh token') }),
    methods: {
      getOAuthConfig: { mapping: oauthConfig(url) },
      getCredentialsFromConnectionParameters: { mapping: { refreshToken: '{{ input.refresh_token }}' } },
    },
  },
  login: {
    title: 'Login',
    type: 'token_request',
    request: { path: '/login', json: { user: '{{ input.user }}', password: '{{ secrets.password }}' } },
    outputs: { token: '{{ body.access_token }}', save: { credentials: { key: '{{ body.session_key }}' } } },
    ...form({ user: { type: 'string' }, password: secret('Password') }),
  },
  basic: {
    title: 'Password',
    type: 'basic',
    ...form({ username: { type: 'string' }, password: secret('Password') }),
  },
  bearer: { title: 'Token', type: 'bearer', ...form({ token: secret('Token') }) },
  key: { title: 'Key', type: 'api_key', name: 'X-Api-Key', ...form({ apiKey: secret('Key') }) },
  query: { title: 'Key in the address', type: 'api_key', in: 'query', name: 'key', ...form({ apiKey: secret('Key') }) },
  cookie: { title: 'Session', type: 'api_key', in: 'cookie', name: 'session', ...form({ apiKey: secret('Key') }) },
  jwt: {
    title: 'Private key',
    type: 'jwt',
    algorithm: 'ES256',
    key: '{{ secrets.privateKey }}',
    ...form({ privateKey: { ...secret('Private key'), format: 'multiline' } }),
  },
  host: { title: 'This server', type: 'host_token' },
});

const reading = (summary: string, path: string, more: object = {}) => ({
  summary,
  effect: 'read',
  retry: { attempts: 1 },
  request: { path },
  ...more,
});

/** The definition of an API that is a mirror, at its address. */
export const mirrorDefinition = (url: string): object => ({
  format: 1,
  connector: 'mirror',
  version: '1.0.0',
  title: 'Mirror',
  summary: 'An API that shows what it was sent.',
  server: { baseUrl: url, testPath: '/me', timeouts: { read: '500ms', total: '1s' } },
  app: {
    schema: {
      type: 'object',
      required: ['clientId', 'clientSecret'],
      properties: { clientId: { type: 'string' }, clientSecret: secret('Client secret') },
    },
  },
  auth: { options: options(url) },
  identity: { request: { path: '/me' }, key: '{{ response.body.id }}', label: '{{ response.body.name }}' },
  entities: {
    things: {
      title: 'Things',
      actions: {
        echo: reading('What was sent.', '/echo'),
        computed: reading('What was sent, by a script.', '/echo', {
          result: { value: '{{ JSON.parse(JSON.stringify({ all: response.body, headers: response.headers })) }}' },
        }),
        file: reading('What was sent, as a file.', '/file', {
          result: { file: { name: 'sent.txt', mimeType: 'text/plain' } },
        }),
        fail: reading('A failure.', '/fail/{{ args.how }}', {
          params: { type: 'object', required: ['how'], properties: { how: { type: 'string' } } },
        }),
        write: {
          summary: 'Sends a text.',
          effect: 'create',
          params: { type: 'object', properties: { text: { type: 'string' } } },
          request: { method: 'POST', path: '/echo', json: { text: '{{ args.text }}' } },
        },
      },
    },
  },
});
