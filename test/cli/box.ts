/** A definition for the API of the sandbox with the ways to connect that its own definition lacks. */
export const boxDefinition = (url: string): string => `
format: 1
connector: box
version: 1.0.0
title: Box
summary: The sandbox, connected by what a person pastes.
server: { baseUrl: "${url}", testPath: /api/v1/me }
settings:
  type: object
  properties: { size: { type: integer, default: 2, maximum: 5 } }
auth:
  options:
    token: { title: Token, type: bearer }
    tokens:
      title: Existing tokens
      type: oauth2
      grant: refresh_token
      ui:
        schema:
          type: object
          required: [refresh_token, client_id, client_secret]
          properties:
            access_token: { type: string, secret: true, title: Access token }
            refresh_token: { type: string, secret: true, title: Refresh token }
            client_id: { type: string, title: Client ID }
            client_secret: { type: string, secret: true, title: Client secret }
      methods:
        getOAuthConfig:
          mapping:
            clientId: "{{ input.client_id }}"
            clientSecret: "{{ input.client_secret }}"
            tokenUri: "${url}/oauth/token"
            clientAuthLocation: headers
        getCredentialsFromConnectionParameters:
          mapping: { accessToken: "{{ input.access_token }}", refreshToken: "{{ input.refresh_token }}" }
identity:
  request: { path: /api/v1/me }
  key: "{{ response.body.id }}"
  label: "{{ response.body.email }}"
entities:
  tickets:
    title: Tickets
    actions:
      list:
        summary: As many tickets as the settings say.
        effect: read
        scopes: [read]
        request: { path: /api/v1/tickets, query: { limit: "{{ settings.size }}" } }
        result: { records: "{{ response.body.items }}", each: { id: "{{ item.id }}" } }
`;
