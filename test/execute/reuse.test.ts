import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settle } from '../../src/execute/authorization.ts';
import { releaseAuthorization, reuseAuthorization } from '../../src/execute/reuse.ts';
import { type HttpStage, openHttpStage } from '../http/stage.ts';
import { alice, bob } from './stage.ts';

let stage: HttpStage;
beforeAll(async () => {
  stage = await openHttpStage();
});
afterAll(() => stage.close());

const reuse = (identifier: string, who = alice) =>
  reuseAuthorization(stage.engine, who, { connector: 'x', identifier });

describe('a link for an agent', () => {
  it('is the same for the same, until it is released or its hour is nearly over', async () => {
    const first = await reuse('same');
    expect((await reuse('same')).id).toBe(first.id);
    expect((await reuse('same', bob)).id).not.toBe(first.id);
    expect(
      (await reuseAuthorization(stage.engine, alice, { connector: 'x', identifier: 'same', client: 'c' })).id,
    ).not.toBe(first.id);
    await releaseAuthorization(stage.engine, bob, first.id);
    expect((await reuse('same')).id).toBe(first.id);
    await releaseAuthorization(stage.engine, alice, first.id);
    const second = await reuse('same');
    expect(second.id).not.toBe(first.id);
    stage.later(50 * 60_000);
    expect((await reuse('same')).id).not.toBe(second.id);
    stage.later(60 * 60_000);
  });

  it('is one for many that ask at once', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => reuse('at once')));
    expect(new Set(all.map((it) => it.id)).size).toBe(1);
    await releaseAuthorization(stage.engine, alice, all[0]?.id ?? '');
  });

  it('is refused to a user of whom ten wait, and not for those that have ended', async () => {
    const all = [];
    for (let index = 0; index < 10; index++) all.push(await reuse(`n${index}`));
    await expect(reuse('more')).rejects.toMatchObject({ code: 'too_many_requests' });
    expect((await reuse('more', bob)).identifier).toBe('more');
    const [first] = all;
    if (!first) throw new Error('none');
    await settle(stage.keystore, first, { kind: 'done', browser: 'b', integration: 'i' });
    expect((await reuse('more')).identifier).toBe('more');
    await expect(reuse('most')).rejects.toMatchObject({ code: 'too_many_requests' });
  });
});
