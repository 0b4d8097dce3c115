import { INTEGRATION_ARGUMENT } from '../connector/action.ts';
import type { Engine } from '../execute/engine.ts';
import type { Principal } from '../integration/principal.ts';
import type { Extension } from './extension.ts';
import { type AccountArgument, accountArguments, allowedTools, type Listed, withArgument } from './tools.ts';

/** The tools of one connector that stand next to each other in a list: as they are, and around the account argument. */
type Run = {
  readonly connector: string | undefined;
  readonly usual: Buffer;
  readonly pieces: readonly string[];
  /** With the arguments that were given of late. */
  readonly own: WeakMap<AccountArgument, Buffer>;
};

const runsOf = new WeakMap<readonly Listed[], readonly Run[]>();

/** Stands for the argument, and in no definition: those hold no control characters unescaped. */
const MARK = '\u0000account\u0000';
const MARK_JSON = JSON.stringify(MARK);
const [OPEN, COMMA, CLOSE] = ['[', ',', ']'].map((it) => Buffer.from(it)) as [Buffer, Buffer, Buffer];

/**
 * What `listTools` gives, as the bytes of its JSON, in pieces that are shared by all lists: of a list of megabytes only
 * what names the accounts of the caller is written anew.
 */
export async function toolListJson(engine: Engine, who: Principal, extension?: Extension): Promise<readonly Buffer[]> {
  const mine = await accountArguments(engine, who);
  const list = allowedTools(engine, who.scopes, extension);
  let runs = runsOf.get(list);
  if (!runs) {
    runs = splitRuns(list);
    runsOf.set(list, runs);
  }
  const bytes = [OPEN];
  for (const run of runs) {
    const argument = run.connector === undefined ? undefined : mine.get(run.connector);
    if (bytes.length > 1) bytes.push(COMMA);
    bytes.push(argument ? withOwn(run, argument) : run.usual);
  }
  bytes.push(CLOSE);
  return bytes;
}

function withOwn({ pieces, own }: Run, argument: AccountArgument): Buffer {
  const bytes = own.get(argument) ?? Buffer.from(pieces.join(JSON.stringify(argument)));
  own.set(argument, bytes);
  return bytes;
}

function splitRuns(list: readonly Listed[]): Run[] {
  const runs: Listed[][] = [];
  for (const it of list) {
    const last = runs.at(-1);
    if (last?.[0]?.connector === it.connector && last) last.push(it);
    else runs.push([it]);
  }
  return runs.map((run) => {
    const connector = run[0]?.connector;
    const marked = run.map(({ tool }) => JSON.stringify(connector === undefined ? tool : withArgument(tool, MARK)));
    const pieces = marked.join(',').split(MARK_JSON);
    return {
      connector,
      pieces,
      usual: Buffer.from(pieces.join(JSON.stringify(INTEGRATION_ARGUMENT))),
      own: new WeakMap(),
    };
  });
}
