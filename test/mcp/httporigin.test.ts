import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type McpStage, modern, openMcpStage } from './httpstage.ts';

let stage: McpStage;
let token: string;
beforeAll(async () => {
  stage = await openMcpStage({ backend: () => ({ url: 'https://tieline.example.com' }) });
  const access = await stage.user(stage.acme, 'ada');
  const { body } = await stage.request('POST', '/tokens', { as: access.token, body: { name: 'test' } });
  token = body.token;
});
afterAll(() => stage.close());

describe('a server that is reached from elsewhere', () => {
  it('names no authorization server where there is none', async () => {
    const found = await fetch(`${stage.url}/.well-known/oauth-protected-resource/mcp`);
    const metadata = (await found.json()) as object;
    expect(metadata).toMatchObject({ resource: 'https://tieline.example.com/mcp' });
    expect(metadata).not.toHaveProperty('authorization_servers');
  });

  it.each([
    [undefined, 200],
    ['https://tieline.example.com', 200],
    ['https://tieline.example.com:443', 200],
    ['http://tieline.example.com', 403],
    ['https://tieline.example.com.evil.example', 403],
    ['http://localhost:5173', 403],
  ])('serves pages of its own only: %s', async (origin, status) => {
    const [message, headers] = modern(1, 'tools/list');
    const response = await stage.post(token, message, { ...headers, ...(origin !== undefined && { origin }) });
    expect(response.status).toBe(status);
  });
});
