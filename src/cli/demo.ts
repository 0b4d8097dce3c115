import { constants } from 'node:os';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { type Stage, setStage } from '../demo/stage.ts';
import { ACCESS_TOKEN_TTL, tell } from '../demo/story.ts';
import { Timeline } from '../demo/timeline.ts';
import { version } from '../version.ts';
import { clientConfig, mainFile } from './mcpconfig.ts';
import { EXIT, print } from './output.ts';

/** `tieline demo`: the main job against a real provider on this machine. Done only if each thing was observed. */
export async function demo({ json, keep }: { readonly json?: boolean; readonly keep?: boolean }): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort(signal));
  const stage = await setStage(ACCESS_TOKEN_TTL);
  let code: number = EXIT.failed;
  try {
    const { observations, facts } = await show(stage, json === true, stop.signal);
    const isDone = observations.every((it) => it.ok);
    code = isDone ? EXIT.done : EXIT.failed;
    const config = keep ? await configFor(stage) : {};
    if (json) print({ ok: isDone, ...facts, observations, ...config }, true, () => '');
    else process.stdout.write(`\n${summary(observations.filter((it) => it.ok).length, observations.length)}\n`);
    if (keep && !json) process.stdout.write(keepNote(config));
    if (keep) await stopped(stop.signal).catch(() => {});
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    code = 128 + constants.signals[stop.signal.reason as NodeJS.Signals];
  } finally {
    await stage.close();
  }
  // What was under way when a signal came has lost its provider, and is not waited for.
  if (stop.signal.aborted) process.exit(code);
  return code;
}

/** Rejects once the signal is there. */
function stopped(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

const summary = (ok: number, all: number): string =>
  ok === all
    ? `All ${all} observations as they should be.`
    : `${all - ok} of ${all} observations are not as they should be.`;

async function show(stage: Stage, isQuiet: boolean, signal: AbortSignal) {
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
  const perform = async () => {
    await client.connect(transport);
    return tell(stage, client, () => changes, timeline, signal);
  };
  try {
    return { facts: await Promise.race([perform(), stopped(signal)]), observations: timeline.observations };
  } finally {
    await client.close();
  }
}

/** What a person gives to an MCP client to try it themselves, with both accounts linked. */
async function configFor(stage: Stage) {
  await stage.link('ada');
  const inTheWay = Object.entries(stage.env).filter(([name, value]) => value === '' && process.env[name]);
  return clientConfig({ TIELINE_HOME: stage.home, ...Object.fromEntries(inTheWay) });
}

const keepNote = (config: object): string =>
  `\nThe provider goes on. Give this to an MCP client:\n\n${JSON.stringify(config, null, 2)}\n\nCtrl-C ends it.\n`;
