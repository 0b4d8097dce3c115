import { isTielineError } from '../errors.ts';
import type { ActionInfo, ConnectorInfo } from './catalog.ts';
import type { ConnectorClient } from './connector.ts';
import type { FileContent, Result } from './result.ts';

export type ToolOptions = {
  /** Characters of an answer; default 50,000. Of a longer list come the first records, of anything else the beginning. */
  readonly maxOutput?: number | undefined;
};

type Values = Readonly<Record<string, unknown>>;

/** A `ConnectorClient` of any connector. */
export type AnyConnector = {
  describe(): Promise<ConnectorInfo>;
  execute(...args: never): Promise<Result>;
};

const LONGEST = 50_000;
/** Of what is left out the model is told in so many characters at most. */
const ROOM = 1_000;

/** Runs an action for a model: its result, or what went wrong, as JSON that is short enough. Bugs are thrown. */
export async function answerFor(
  connector: AnyConnector,
  entity: string,
  action: ActionInfo,
  args: string | Values,
  { maxOutput = LONGEST, signal }: ToolOptions & { readonly signal?: AbortSignal | undefined },
): Promise<string> {
  const params = typeof args === 'string' ? readArguments(args) : args;
  if (!params)
    return JSON.stringify({ error: { code: 'arguments_invalid', message: 'the arguments are no JSON object' } });
  try {
    // What is not known to the compiler is loose, and this is for every connector.
    const { execute } = connector as Pick<ConnectorClient, 'execute'>;
    return told(await execute(entity, action.name, params, { signal }), action, maxOutput);
  } catch (error) {
    if (!isTielineError(error) || signal?.aborted) throw error;
    const { code, message, hint, retryAfter } = error;
    return JSON.stringify({ error: { code, message, hint, retryAfter } });
  }
}

function readArguments(text: string): Values | undefined {
  try {
    const value: unknown = text.trim() === '' ? {} : JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Values) : undefined;
  } catch {
    return undefined;
  }
}

function told({ data, meta, file }: Result, action: ActionInfo, most: number): string {
  const content = file && contentOf(file);
  const whole = JSON.stringify({ data, meta, ...content });
  if (whole.length <= most) return whole;
  const room = Math.max(0, most - ROOM);
  // Who reads that an answer is too long must not do the same once more.
  const done = action.effect === 'read' ? '' : 'It was carried out: do not repeat it. ';
  if (Array.isArray(data)) {
    const kept = fitting(data, room);
    const hint = `${done}The first ${kept.length} of ${data.length} records are here. Ask for less: a smaller limit, or a narrower search.`;
    // Behind the cursor are those after the ones that were left out.
    const { page: _, ...rest } = meta;
    return JSON.stringify({
      data: kept,
      meta: { ...rest, truncated: { returned: kept.length, of: data.length, hint } },
    });
  }
  const hint = `${done}This is the beginning. Ask for less: a narrower action, or fewer fields.`;
  const beginning = cut(content?.text ?? JSON.stringify(data), room);
  return JSON.stringify({ beginning, meta: { ...meta, truncated: { characters: whole.length, hint } } });
}

/** Text that is at most so long as JSON. */
function cut(text: string, most: number): string {
  let end = Math.min(text.length, most);
  while (end > 0 && JSON.stringify(text.slice(0, end)).length > most) end = Math.floor(end * 0.8);
  return text.slice(0, end);
}

function fitting(records: readonly unknown[], most: number): unknown[] {
  let length = 2;
  const over = records.findIndex((it) => {
    length += (JSON.stringify(it) ?? '').length + 1;
    return length > most;
  });
  return over === -1 ? [...records] : records.slice(0, over);
}

/** A model can read text; of other files it is told what they are. */
function contentOf({ mimeType, bytes }: FileContent): { readonly text: string } | undefined {
  return /^text\/|\bjson\b|\bxml\b/.test(mimeType) ? { text: new TextDecoder().decode(bytes) } : undefined;
}
