import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { Tieline } from '../../src/sdk/tieline.ts';
import { sandboxConnector } from '../execute/stage.ts';
import { type HttpStage, openHttpStage, type Tenant } from '../http/stage.ts';
import { oauthClient } from '../sandbox/client.ts';
import { openProject, type Project, root } from './project.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const samples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((it) => it[1] ?? '');
const [hosted = '', local = ''] = samples;

let project: Project;
let sandbox: Sandbox;
let stage: HttpStage;
let acme: Tenant;
beforeAll(async () => {
  project = openProject();
  sandbox = await startSandbox();
  stage = await openHttpStage({ connectors: [await sandboxConnector()], app: app() });
  acme = await stage.tenant();
});
afterAll(async () => {
  await stage.close();
  await sandbox.close();
  project.close();
});

const app = () => ({ baseUrl: sandbox.url, clientId: sandbox.clientId, clientSecret: sandbox.clientSecret });

/** The sample at the sandbox, which has messages too. */
async function run(sample: string, changes: Readonly<Record<string, string>>): Promise<string> {
  let text = sample.replaceAll('gmail', 'sandbox');
  for (const [from, to] of Object.entries(changes)) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  project.write('sample.mjs', text);
  const env = { ...process.env, TIELINE_API_KEY: acme.key };
  const options = { cwd: project.folder, encoding: 'utf8', env } as const;
  return (await promisify(execFile)(process.execPath, ['sample.mjs'], options)).stdout;
}

describe('the samples of README', () => {
  it('compile', () => {
    expect(samples).toHaveLength(2);
    for (const [i, sample] of samples.entries()) project.write(`sample${i}.ts`, sample);
    expect(project.compile()).toEqual([]);
  });

  it('use a server', async () => {
    const here = { 'https://tieline.example': stage.url };
    const tieline = new Tieline({ apiBaseUrl: stage.url, apiKey: acme.key });
    await tieline.organization.update({ redirectUrls: ['https://app.example/done'] });
    expect(await run(hosted, here)).toMatch(/^Ada signs in at http:\/\/\S+\n$/);
    const { integrations } = tieline.customer('ada@example.com');
    await integrations.create('sandbox', { apiKey: sandbox.apiKey('ada') }, { name: 'home' });
    expect((await run(hosted, here)).match(/subject: /g)?.length).toBeGreaterThan(20);
  });

  it('use credentials in the process', async () => {
    const { refresh_token } = await (await oauthClient(sandbox)).link('ada');
    project.write('sandbox.json', JSON.stringify({ refresh_token }));
    const more = `connector('sandbox', { app: ${JSON.stringify(app())}, allowPrivate: ['127.0.0.1'],`;
    const changes = { "connector('sandbox', {": more };
    expect(await run(local, changes)).toContain('"subject"');
    const kept = JSON.parse(readFileSync(join(project.folder, 'sandbox.json'), 'utf8'));
    expect(kept.refresh_token).not.toBe(refresh_token);
    expect(await run(local, changes)).toContain('"subject"');
  });
});
