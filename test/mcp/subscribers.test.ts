import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openBus } from '../../src/mcp/bus.ts';
import { openSubscribers, type Subscribers } from '../../src/mcp/subscribers.ts';
import { alice, bob, connectorOf, openStage, type Provider, type Stage, startProvider } from '../execute/stage.ts';

let provider: Provider;
let stage: Stage;
let subscribers: Subscribers;
const bus = openBus();
beforeEach(async () => {
  provider = await startProvider();
  stage = await openStage([connectorOf({ server: { baseUrl: provider.origin } })]);
  subscribers = openSubscribers(stage.engine, bus);
});
afterEach(async () => {
  subscribers.close();
  await stage.close();
  await provider.close();
});

describe('a subscriber', () => {
  it.each([{ changed: alice }, { changed: undefined }])('is told only of another list: %j', async ({ changed }) => {
    const [tell, other] = [vi.fn(), vi.fn()];
    subscribers.add(alice, tell);
    subscribers.add(bob, other);
    bus.publish(changed); // the store also changes by what no list shows
    await stage.link('sample');
    bus.publish(changed);
    await vi.waitFor(() => expect(tell).toHaveBeenCalled());
    expect(tell).toHaveBeenCalledTimes(1);
    expect(other).not.toHaveBeenCalled();
  });

  it('is told nothing when it has ended, or all have', async () => {
    const [gone, closed] = [vi.fn(), vi.fn()];
    const end = subscribers.add(alice, gone);
    subscribers.add(alice, closed);
    expect([subscribers.count(alice), subscribers.count(bob)]).toEqual([2, 0]);
    end();
    end();
    expect(subscribers.count(alice)).toBe(1);
    subscribers.close();
    await stage.link('sample');
    bus.publish(alice);
    expect(subscribers.count(alice)).toBe(0);
    expect([gone, closed].map((it) => it.mock.calls)).toEqual([[], []]);
  });
});
