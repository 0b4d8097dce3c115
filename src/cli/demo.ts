import { constants } from 'node:os';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { faultsNamed } from '../demo/faultscenarios.ts';
import { setFaultStage } from '../demo/faultstage.ts';
import { type FaultSeen, playFault } from '../demo/faultstory.ts';
import { HEADINGS, lineOf } from '../demo/faulttable.ts';
import { type Stage, setStage } from '../demo/stage.ts';
import { ACCESS_TOKEN_TTL, tell } from '../demo/story.ts';
import { Timeline } from '../demo/timeline.ts';
import { TielineError } from '../errors.ts';
import { version } from '../version.ts';
import { clientConfig, mainFile } from './mcpconfig.ts';
import { EXIT, print } from './output.ts';

type DemoOptions = {
  readonly json?: boolean;
  readonly keep?: boolean;
  /** Names of faults; true is all of them. */
  readonly faults?: readonly string[] | true;
};

/**
 * `tieline demo`: the main job against a real provider on this machine. Done only if each thing was observed.
 *
 * Throws `usage` for a fault that is not there.
 */
export async function demo({ json = false, keep = false, faults }: DemoOptions): Promise<number> {
  if (faults && keep) throw new TielineError('usage', '--keep does not go with --faults');
  const names = faults && faultsNamed(faults);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort(signal));
  let code: number = EXIT.failed;
  try {
    code = names ? await showFaults(names, json, stop.signal) : await showStory(json, keep, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    code = 128 + constants.signals[stop.signal.reason as NodeJS.Signals];
  }
  // What was under way when a signal came has lost its provider, and is not waited for.
  if (stop.signal.aborted) process.exit(code);
  return code;
}

async function showStory(json: boolean, keep: boolean, signal: AbortSignal): Promise<number> {
  const stage = await setStage(ACCESS_TOKEN_TTL);
  try {
    const { observations, facts } = await show(stage, json, signal);
    const isDone = observations.every((it) => it.ok);
    const config = keep ? await configFor(stage) : {};
    if (json) print({ ok: isDone, ...facts, observations, ...config }, true, () => '');
    else process.stdout.write(`\n${summary(observations)}\n`);
    if (keep && !json) process.stdout.write(keepNote(config));
    if (keep) await stopped(signal).catch(() => {});
    return isDone ? EXIT.done : EXIT.failed;
  } finally {
    await stage.close();
  }
}

/** `tieline demo --faults`: what becomes of an account whose provider misbehaves. Done only if all is as it should be. */
async function showFaults(names: ReturnType<typeof faultsNamed>, json: boolean, signal: AbortSignal): Promise<number> {
  const timeline = timelineOf(json);
  timeline.heading('Each account has a token with a minute left, and a provider that misbehaves whenever it is asked');
  timeline.say(
    'two calls; two more once the token is over; one as soon as the provider behaves and may be asked again',
  );
  timeline.heading(`           ${HEADINGS}`);
  const seen: FaultSeen[] = [];
  const ended = stopped(signal);
  ended.catch(() => {}); // it may come when nobody waits for it
  for (const name of names) {
    const stage = await setFaultStage();
    try {
      const it = await Promise.race([playFault(stage, name), ended]);
      seen.push(it);
      timeline.observe(name, it.ok, lineOf(it));
    } finally {
      await stage.close();
    }
  }
  const isDone = seen.every((it) => it.ok);
  if (json) print({ ok: isDone, faults: seen }, true, () => '');
  else process.stdout.write(`\n${summary(seen)}\n`);
  return isDone ? EXIT.done : EXIT.failed;
}

/** Rejects once the signal is there. */
function stopped(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function summary(observations: readonly { readonly ok: boolean }[]): string {
  const all = observations.length;
  const ok = observations.filter((it) => it.ok).length;
  return ok === all
    ? `All ${all} observations as they should be.`
    : `${all - ok} of ${all} observations are not as they should be.`;
}

/** For people; silent for programs. */
const timelineOf = (json: boolean): Timeline =>
  new Timeline((text) => void (json || process.stdout.write(text)), !json && process.stdout.isTTY === true);

async function show(stage: Stage, json: boolean, signal: AbortSignal) {
  const timeline = timelineOf(json);
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
