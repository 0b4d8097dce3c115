import { describe, expect, it } from 'vitest';
import { refreshesDone } from '../../src/auth/refreshes.ts';
import { TielineError } from '../../src/errors.ts';
import { memoryStore } from '../../src/keystore/memory.ts';
import type { Place } from '../contract/places.ts';
import { begin } from './lifecycle.ts';

type Save = (what: 'intent' | 'answer', go: () => Promise<boolean>) => Promise<boolean>;

/** A store in which the first refresh saves its intent and then its answer through `save`. */
function placeWhere(save: Save): Place {
  const store = memoryStore();
  let saves = 0;
  return {
    persistent: false,
    open: async () => ({
      ...store,
      replace(key, ...rest) {
        const go = () => store.replace(key, ...rest);
        return key.startsWith('credential.') ? save(saves++ === 0 ? 'intent' : 'answer', go) : go();
      },
    }),
  };
}

const away = () => Promise.reject(new TielineError('store_unavailable', 'disk full'));

describe('what a refresh gives', () => {
  it('is in the store before any caller has it, as was that it would be asked for', async () => {
    const events: string[] = [];
    const place = placeWhere(async (what, save) => {
      const isSaved = await save();
      events.push(`${what} ${isSaved}, ${life.faulty.requests.length} requests`);
      return isSaved;
    });
    const life = await begin(place);
    events.push(await life.ask());
    expect(events).toEqual(['intent true, 0 requests', 'answer true, 1 requests', 'version 2']);
    expect(await life.me()).toBe(200);
  });

  it('is not asked for where it could not be saved', async () => {
    const life = await begin(placeWhere(away));
    const before = await life.stored();
    expect(await life.ask()).toBe('store_unavailable');
    expect(life.faulty.requests).toHaveLength(0);
    expect(await life.stored()).toEqual(before);
  });

  it('is handed out from memory when it could not be saved, and is saved as soon as it can be', async () => {
    let isAway = true;
    const life = await begin(placeWhere((what, save) => (what === 'answer' && isAway ? away() : save())));
    const before = await life.stored();
    expect(await life.ask()).toBe('version 2');
    expect(await life.stored()).toEqual({ ...before, attemptAt: life.now() });
    // Those who come later get the same, and nobody asks the provider with what is spent.
    expect(await life.ask()).toBe('version 2');
    expect(life.faulty.requests).toHaveLength(1);
    isAway = false;
    await refreshesDone();
    expect(await life.stored()).toMatchObject({ version: 2 });
    expect(await life.stored()).not.toHaveProperty('attemptAt');
    expect(await life.me()).toBe(200);
  });

  it.each([
    ['does not answer for a moment', async () => undefined],
    ['saves it, but does not say so', (save: () => Promise<boolean>) => save()],
  ])('is handed out when the store %s', async (_, before) => {
    let misses = 2;
    const place = placeWhere(async (what, save) => {
      if (what === 'intent' || misses-- <= 0) return save();
      await before(save);
      return away();
    });
    const life = await begin(place);
    expect(await life.ask()).toBe('version 2');
    expect(life.faulty.requests).toHaveLength(1);
    expect(await life.stored()).not.toHaveProperty('attemptAt');
    expect(await life.me()).toBe(200);
  });
});

describe('an account that changes while it is about to be refreshed', () => {
  it('is looked at again', async () => {
    let changes = 1;
    const life = await begin(placeWhere((what, save) => (what === 'intent' && changes-- > 0 ? never() : save())));
    expect(await life.ask()).toBe('version 2');
    expect(life.faulty.requests).toHaveLength(1);
  });

  it('is given up after a while', async () => {
    const life = await begin(placeWhere(never));
    expect(await life.ask()).toBe('refresh_busy');
    expect(life.faulty.requests).toHaveLength(0);
  });

  const never = async () => false;
});

describe('a token that was refused while the refresh that gave it was still being finished', () => {
  it('is not what its caller gets', async () => {
    const store = memoryStore();
    let finish = (): void => {};
    const mayFinish = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const life = await begin({
      persistent: false,
      open: async () => ({
        ...store,
        async replace(key, from, to) {
          if (key.startsWith('lease.') && to.includes('"owner":null')) await mayFinish;
          return store.replace(key, from, to);
        },
      }),
    });
    const first = life.ask();
    await expect.poll(async () => (await life.stored()).version).toBe(2);
    const second = life.ask({ rejectedVersion: 2 });
    await life.stored(); // the second has looked as well, and joined
    finish();
    expect([await first, await second]).toEqual(['version 2', 'version 3']);
    expect(life.faulty.requests).toHaveLength(2);
  });
});

describe('what is known of a refresh that was interrupted', () => {
  it('is not forgotten while the provider cannot be asked, nor over a mistake in the configuration', async () => {
    const store = memoryStore();
    const life = await begin({ persistent: false, open: async () => store });
    life.faulty.plan('lost_reply', 'invalid_client', 'error_500_then_ok');
    const started = life.now();
    expect(await life.ask()).toBe('refresh_failed');
    life.pass(900_000);
    expect(await life.ask()).toBe('config_invalid');
    expect(await life.ask()).toBe('refresh_failed');
    expect(await life.stored()).toMatchObject({ attemptAt: started, trouble: { count: 3 } });
    life.pass(900_000);
    expect(await life.ask()).toBe('reauthorization_required');
    expect((await life.stored()).failure?.cause).toBe('interrupted');
  });

  it('is nothing where the request never left', async () => {
    const store = memoryStore();
    const life = await begin({ persistent: false, open: async () => store });
    await life.faulty.close();
    expect(await life.ask()).toBe('refresh_failed');
    expect(await life.stored()).toMatchObject({ trouble: { count: 1 } });
    expect(await life.stored()).not.toHaveProperty('attemptAt');
  });
});
