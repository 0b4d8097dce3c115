import { startApi } from './api.mjs';

export const PEOPLE = [
  {
    name: 'an organization moves the address of its accounts',
    before: 'the raw tokens of its users went there',
    bound: 'nothing arrives there',
    isQuiet: true,
    async run({ server, api }) {
      const elsewhere = await startApi();
      try {
        await server.rest('PUT', '/connectors/target/app', { body: { apiUrl: api.origin } });
        const linked = await server.rest('POST', '/integrations/connectors', {
          body: {
            customer_name: 'moved',
            connector_type: 'target',
            credentials: { token: 'planted-token-0123456789' },
          },
        });
        await server.rest('PUT', '/connectors/target/app', { body: { apiUrl: elsewhere.origin } });
        const path = `/integrations/connectors/${linked.json?.id}`;
        const { json } = await server.rest('POST', `${path}/execute`, { body: { entity: 'things', action: 'get' } });
        await server.rest('POST', `${path}/test`);
        await server.rest('DELETE', path);
        const problems = elsewhere.seen.length > 0 ? [`${elsewhere.seen.length} requests went there`] : [];
        if (linked.status !== 201) problems.push(linked.text);
        return { text: `${json?.code}, ${elsewhere.seen.length} requests went there`, problems };
      } finally {
        await elsewhere.close();
      }
    },
  },
  {
    name: 'an open redirector before sign-in',
    before: '303 to any registered address',
    bound: 'nobody is sent to a client before they have signed in',
    isQuiet: true,
    async run({ server }) {
      const register = async (uri) => {
        const { status, text } = await server.send('/register', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ client_name: 'x', redirect_uris: [uri], token_endpoint_auth_method: 'none' }),
        });
        return status === 201 ? JSON.parse(text).client_id : undefined;
      };
      const problems = [];
      const uri = 'https://evil.example/cb';
      const clientId = await register(uri);
      const wrongs = [
        { response_type: 'token' },
        { prompt: 'none', response_type: 'code' },
        { response_type: 'code', scope: 'no-such-scope' },
        { response_type: 'code', request: 'x' },
        { response_type: 'code', resource: 'https://other.example' },
        {},
      ];
      let sent = 0;
      for (const wrong of wrongs) {
        const query = new URLSearchParams({ client_id: clientId, redirect_uri: uri, state: 's', ...wrong });
        const { headers } = await server.send(`/authorize?${query}`);
        if ((headers.get('location') ?? '').startsWith('https://evil.example')) {
          sent += 1;
          problems.push(`sent to the client: ${query}`);
        }
      }
      const schemes = [
        'ms-msdt:/x',
        'search-ms:x',
        'shell:x',
        'mailto:x@y',
        'tel:1',
        'javascript:alert(1)',
        'data:text/html,x',
        'file:///etc/passwd',
        'steam://x',
        'https:a.example',
        'https://*.example/cb',
        'http://a.example/cb',
        'https://u@a.example/cb',
      ];
      for (const it of schemes) if (await register(it)) problems.push(`registered: ${it}`);
      return {
        text: `${sent} of ${wrongs.length} sent to the client, ${schemes.length} odd addresses tried`,
        problems,
      };
    },
  },
];
