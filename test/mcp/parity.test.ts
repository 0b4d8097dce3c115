import { parseJSONRPCMessage } from '@modelcontextprotocol/server';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/execute/engine.ts';
import { forgetWait } from '../../src/execute/waits.ts';
import { agentLink } from '../../src/http/connect/agentlink.ts';
import type { Linker } from '../../src/mcp/link.ts';
import { plainRequest } from '../../src/mcp/plain.ts';
import { alice, openStage, type Provider, type Stage, startProvider } from '../execute/stage.ts';
import {
  ENVELOPE,
  extra,
  OPENS_URLS,
  type ParityCase,
  parityCases,
  parityConnectors,
  parityMetas,
  parityPolicy,
  withoutRandom,
} from './paritycases.ts';
import { anyJson, mutation } from './paritychance.ts';
import { connectStdio, type StdioConnection } from './paritystdio.ts';

let provider: Provider;
let stage: Stage;
let link: Linker;

beforeAll(async () => {
  provider = await startProvider();
  stage = await openStage(parityConnectors(provider), { policy: parityPolicy });
  await stage.link('sample');
  const { engine } = stage;
  link = (who, wanted) => agentLink({ engine, url: 'http://tieline.test' }, who, { ...wanted, requires: 'session' });
});
afterAll(async () => {
  await stage.close();
  await provider.close();
});

const meta = (capabilities: object) => ({ ...ENVELOPE, 'io.modelcontextprotocol/clientCapabilities': capabilities });

/** How a client begins, and what it says with each request. */
const eras = [
  { era: '2026-07-28', begin: async () => '', meta: meta({}) },
  { era: '2026-07-28, opening addresses', begin: async () => '', meta: meta(OPENS_URLS) },
  { era: '2025-11-25', begin: (it: StdioConnection) => it.initialize('2025-11-25') },
  { era: '2025-11-25, opening addresses', begin: (it: StdioConnection) => it.initialize('2025-11-25', OPENS_URLS) },
  { era: '2025-06-18', begin: (it: StdioConnection) => it.initialize('2025-06-18') },
  { era: 'no initialize', begin: async () => '' },
];

type Era = (typeof eras)[number];

const messageOf = ({ method = 'tools/call', id = 1, params }: Partial<ParityCase>, era: Era) => ({
  jsonrpc: '2.0',
  id,
  method,
  ...((params || era.meta) && { params: { ...params, ...(era.meta && { _meta: era.meta }) } }),
});

async function withBoth<T>(
  era: Era,
  work: (long: StdioConnection, short: StdioConnection) => Promise<T>,
  engine: Engine = stage.engine,
): Promise<T> {
  const [long, short] = [false, true].map((isShort) =>
    connectStdio(engine, alice, { isShort, link, extension: extra }),
  ) as [StdioConnection, StdioConnection];
  try {
    expect(withoutRandom(await era.begin(short))).toBe(await era.begin(long));
    return await work(long, short);
  } finally {
    await Promise.all([long.close(), short.close()]);
  }
}

describe.each(eras)('answers on stdio, $era', (era) => {
  it.each(parityCases)('are the same: $name', (it) =>
    withBoth(era, async (long, short) => {
      provider.answer(it.provider ?? (() => ({ body: { a: 1 } })));
      const message = messageOf(it, era);
      // What a provider says of waiting holds for the calls that follow.
      const answer = (connection: StdioConnection) => {
        forgetWait();
        return connection
          .ask(message)
          .then(withoutRandom)
          .finally(() => forgetWait());
      };
      const expected = await answer(long);
      expect(expected).toMatch(new RegExp(it.shows));
      expect(await answer(short)).toBe(expected);
      expect(short.taken()).toBe(0);
      // Of what is refused nothing is learned.
      await short.ask(messageOf({ id: 'list', method: 'tools/list' }, era));
      const taken = short.taken();
      expect(await answer(short)).toBe(expected);
      expect(short.taken() - taken).toBe(it.isShort ? 1 : 0);
    }),
  );
});

const get = { params: { name: 'sample_things_get' } };

/** Whether it gets an answer. */
function isMessage(it: unknown): boolean {
  try {
    parseJSONRPCMessage(it);
    return true;
  } catch {
    return false;
  }
}

describe.each(eras)('words that are not the usual, $era', (era) => {
  it.each(parityMetas)('are answered alike, however often: _meta of %s', (_, meta) =>
    withBoth(era, async (long, short) => {
      provider.answer(() => ({ body: { a: 1 } }));
      const usual = messageOf(get, era);
      for (const method of ['tools/list', 'tools/call']) {
        const params = method === 'tools/call' ? get.params : {};
        const message = { ...usual, method, params: { ...params, _meta: meta } };
        for (const it of [message, message, { ...usual, id: 2 }, message, message]) {
          if (isMessage(it)) expect(await short.ask(it)).toBe(await long.ask(it));
          else for (const to of [long, short]) to.write(`${JSON.stringify(it)}\n`);
        }
      }
      expect(short.lines()).toEqual(long.lines());
    }),
  );
});

/** As often as a test of the usual length allows. */
const RUNS = { numRuns: 60 };
const compared = eras.filter(({ era }) => era === '2026-07-28' || era === '2025-11-25');

describe.each(compared)('by chance, $era', (era) => {
  it('whatever the provider answers is answered alike', () =>
    withBoth(era, async (long, short) => {
      const message = messageOf(get, era);
      await short.ask(message);
      await fc.assert(
        fc.asyncProperty(anyJson, async (body) => {
          provider.answer(() => ({ headers: { 'content-type': 'application/json' }, text: JSON.stringify(body) }));
          const taken = short.taken();
          expect(await short.ask(message)).toBe(await long.ask(message));
          expect(short.taken()).toBe(taken + 1);
        }),
        RUNS,
      );
    }));

  it('whatever becomes of a request is answered alike', () =>
    withBoth(era, async (long, short) => {
      provider.answer(() => ({ body: { a: 1 } }));
      const usual = messageOf({ params: { name: 'sample_things_any', arguments: { any: { a: 1 }, text: 'x' } } }, era);
      await Promise.all([short.ask(usual), long.ask(usual)]);
      await fc.assert(
        fc.asyncProperty(mutation, async (mutate) => {
          const message = mutate(usual) as { id?: unknown; method?: unknown };
          if (!isMessage(message)) {
            expect(plainRequest(message)).toBeUndefined();
            return;
          }
          if (message.id === undefined || message.method === undefined) return;
          for (let i = 0; i < 3; i++) expect(await short.ask(message)).toBe(await long.ask(message));
        }),
        { numRuns: 150 },
      );
    }));
});
