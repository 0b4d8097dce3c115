import { asSchema, generateText, stepCountIs } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { connector } from '../../src/sdk/connector.ts';
import { agentTool, aiTools, openaiTools } from '../../src/sdk/tools.ts';
import { failureOf, sandboxConnector } from '../execute/stage.ts';
import { type HttpStage, openHttpStage } from '../http/stage.ts';

let sandbox: Sandbox;
let stage: HttpStage;
let hosted: ReturnType<typeof connector<'sandbox'>>;
let local: ReturnType<typeof connector<'sandbox'>>;
beforeAll(async () => {
  sandbox = await startSandbox();
  stage = await openHttpStage({ connectors: [await sandboxConnector()], app: { baseUrl: sandbox.url } });
  const { key: apiKey } = await stage.tenant();
  const credentials = { apiKey: sandbox.apiKey('ada'), base_url: sandbox.url };
  await stage.request('POST', '/integrations/connectors', {
    as: apiKey,
    body: { customer_name: 'ada', connector_type: 'sandbox', name: 'work', credentials },
  });
  hosted = connector('sandbox', { apiBaseUrl: stage.url, apiKey, customerName: 'ada' });
  local = connector('sandbox', { credentials, allowPrivate: ['127.0.0.1'] });
});
afterAll(async () => {
  await local.close();
  await stage.close();
  await sandbox.close();
});
let calls: number;
beforeEach(() => {
  calls = sandbox.observed.apiCalls.length;
});

const parsed = (text: string) => JSON.parse(text);

describe.each([
  ['of a server', () => hosted],
  ['in this process', () => local],
])('tools of a connector %s', (_, of) => {
  it('are functions for OpenAI', async () => {
    const { tools, call } = await openaiTools(of());
    const create = tools.find((it) => it.function.name === 'sandbox_tickets_create');
    expect(create).toMatchObject({ type: 'function', function: { description: 'Open a ticket.' } });
    expect(create?.function.parameters).toMatchObject({ required: ['title'], additionalProperties: false });
    expect(parsed(await call('sandbox_profile_get', '{}'))).toMatchObject({ data: { id: 'ada' } });
    expect(parsed(await call('sandbox_profile_get', ''))).toMatchObject({ data: { id: 'ada' } });
    const { data } = parsed(await call('sandbox_tickets_create', { title: 'From a model' }));
    expect(data).toMatchObject({ title: 'From a model' });
  });

  it('answer a model with what it can mend, and throw what it cannot', async () => {
    const { call } = await openaiTools(of());
    const wrong = parsed(await call('sandbox_tickets_get', '{"ticket": "1"}'));
    expect(wrong.error).toMatchObject({ code: 'arguments_invalid', message: expect.stringContaining('ticketId') });
    for (const text of ['[]', '{', '"x"', 'null']) {
      expect(parsed(await call('sandbox_profile_get', text)).error.code).toBe('arguments_invalid');
    }
    expect((await failureOf(call('sandbox_profile_got', '{}'))).code).toBe('action_unknown');
    expect(sandbox.observed.apiCalls.length).toBe(calls);
  });

  it('are one tool with everything in its description', async () => {
    const tool = await agentTool(of());
    expect(tool.name).toBe('sandbox');
    expect(tool.description).toContain('- tickets get(ticketId): One ticket with its comments.');
    expect(tool.description).toContain('- tickets list(state?, q?, cursor?, limit?): ');
    expect(tool.inputSchema).toMatchObject({ properties: { entity: { enum: expect.arrayContaining(['tickets']) } } });
    const { data } = parsed(await tool.execute({ entity: 'tickets', action: 'list', params: { limit: 2 } }));
    expect(data).toHaveLength(2);
    const wrong = [
      { entity: 'tickets', action: 'lst' },
      { entity: 'ticket', action: 'list' },
    ];
    for (const input of wrong) {
      const { error } = parsed(await tool.execute(input));
      expect([error.code, error.hint]).toEqual(['action_unknown', expect.stringMatching(/list|tickets/)]);
    }
  });

  it('serve the AI SDK', async () => {
    const tools = await aiTools(of());
    const schema = await asSchema(tools.sandbox_files_upload?.inputSchema).jsonSchema;
    expect(schema).toMatchObject({ type: 'object', required: ['file'], additionalProperties: false });
    let turn = 0;
    const model = new MockLanguageModelV4({
      doGenerate: async () => {
        turn += 1;
        const call = { type: 'tool-call', toolCallId: '1', toolName: 'sandbox_profile_get', input: '{}' } as const;
        return {
          content: turn === 1 ? [call] : [{ type: 'text', text: 'Done.' }],
          finishReason: { unified: turn === 1 ? 'tool-calls' : 'stop', raw: undefined },
          usage: {
            inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
            outputTokens: { total: 1, text: 1, reasoning: 0 },
          },
          warnings: [],
        };
      },
    });
    const { text, steps } = await generateText({ model, prompt: 'Who am I?', tools, stopWhen: stepCountIs(3) });
    expect(text).toBe('Done.');
    expect(parsed(String(steps[0]?.toolResults[0]?.output))).toMatchObject({ data: { id: 'ada' } });
    const listed = model.doGenerateCalls[0]?.tools?.find((it) => it.name === 'sandbox_tickets_create');
    expect(listed).toMatchObject({ type: 'function', inputSchema: { required: ['title'] } });
  });
});

describe('answers of tools', () => {
  it('keep objects free that are free', async () => {
    const inputSchema = { type: 'object', properties: { variables: { type: 'object' } }, additionalProperties: false };
    const action = { name: 'a', title: 'A', summary: 'A.', tool: 'x_e_a', effect: 'read', destructive: false } as const;
    const actions = [{ ...action, paramsSchema: inputSchema }];
    const entities = [{ name: 'e', title: 'E', actions }];
    const tools = await aiTools({
      describe: async () => ({ name: 'x', title: 'X', summary: 'X.', version: '1', entities }),
      execute: () => Promise.reject(new Error('no')),
    });
    const schema = await asSchema(tools.x_e_a?.inputSchema).jsonSchema;
    const variables = { type: 'object', additionalProperties: {} };
    expect(schema).toEqual({ ...inputSchema, properties: { variables } });
    await expect(tools.x_e_a?.execute({})).rejects.toThrow('no');
  });

  it('stay within a length, and say what was left out', async () => {
    const { call } = await openaiTools(local, { maxOutput: 1_600 });
    const text = await call('sandbox_tickets_list', { limit: 50 });
    expect(text.length).toBeLessThanOrEqual(1_600);
    const { data, meta } = parsed(text);
    expect(meta.truncated).toMatchObject({ returned: data.length, hint: expect.stringContaining('smaller limit') });
    expect(meta.truncated.of).toBeGreaterThan(data.length);
    expect(meta.truncated.hint).not.toContain('carried out');
    expect(meta.page).toBeUndefined();
  });

  it('say of a write that it was carried out', async () => {
    const body = '"\\'.repeat(2_000);
    const { call } = await openaiTools(local, { maxOutput: 2_000 });
    const text = await call('sandbox_tickets_create', { title: 'Long', body });
    expect(text.length).toBeLessThanOrEqual(2_000);
    expect(parsed(text)).toMatchObject({
      beginning: expect.stringMatching(/^\{"/),
      meta: { truncated: { hint: expect.stringContaining('It was carried out: do not repeat it.') } },
    });
  });

  it('show the text of files, and of others what they are', async () => {
    const { call } = await openaiTools(local);
    const upload = async (file: object) => parsed(await call('sandbox_files_upload', { file })).data.id;
    const fileId = await upload({ name: 'a.txt', text: 'Grüße' });
    expect(parsed(await call('sandbox_files_download', { fileId }))).toMatchObject({ text: 'Grüße' });
    const picture = await upload({ name: 'a.png', base64: 'iVBORw0KGgo=' });
    const answer = parsed(await call('sandbox_files_download', { fileId: picture }));
    expect(answer).toMatchObject({ data: { name: 'a.png', mimeType: 'image/png' } });
    expect(answer.text).toBeUndefined();
  });
});
