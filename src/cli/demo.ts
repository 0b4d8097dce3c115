import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { type Stage, setStage } from '../demo/stage.ts';
import { ACCESS_TOKEN_TTL, tell } from '../demo/story.ts';
import { Timeline } from '../demo/timeline.ts';
import { version } from '../version.ts';
import { clientConfig, mainFile } from './mcpconfig.ts';
import { EXIT } from './output.ts';

/** `tieline demo`: the main job against a real provider on this machine. Done only if each thing was observed. */
export async function demo({ json, keep }: { readonly json?: boolean; readonly keep?: boolean }): Promise<number> {
  const stage = await setStage(ACCESS_TOKEN_TTL);
  try {
    const { observations, facts } = await show(stage, json === true);
    const isDone = observations.every((it) => it.ok);
    if (json) process.stdout.write(`${JSON.stringify({ ok: isDone, ...facts, observations }, null, 2)}\n`);
    else process.stdout.write(`\n${summary(observations.filter((it) => it.ok).length, observations.length)}\n`);
    if (keep) await keepOpen(stage);
    return isDone ? EXIT.done : EXIT.failed;
  } finally {
    await stage.close();
  }
}

const summary = (ok: number, all: number): string =>
  ok === all
    ? `All ${all} observations as they should be.`
    : `${all - ok} of ${all} observations are not as they should be.`;

async function show(stage: Stage, isQuiet: boolean) {
  const timeline = new Timeline(
    (text) => void (isQuiet || process.stdout.write(text)),
    !isQuiet && process.stdout.isTTY === true,
  );
  let changes = 0;
  const client = new Client(
    { name: 'tieline-demo', version },
    { listChanged: { tools: { onChanged: () => void changes++, autoRefresh: false } } },
  );
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [mainFile, 'stdio'],
    env: { ...(process.env as Record<string, string>), ...stage.env },
    stderr: 'inherit',
  });
  timeline.heading(`An OAuth 2 provider and its API run at ${stage.sandbox.url}`);
  await client.connect(transport);
  try {
    return { facts: await tell(stage, client, () => changes, timeline), observations: timeline.observations };
  } finally {
    await client.close();
  }
}

/** Leaves everything running for a person to try, until they end it. */
async function keepOpen(stage: Stage): Promise<void> {
  await stage.link('ada');
  const config = JSON.stringify(clientConfig({ TIELINE_HOME: stage.home }), null, 2);
  process.stdout.write(`\nThe provider goes on. Give this to an MCP client:\n\n${config}\n\nCtrl-C ends it.\n`);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
