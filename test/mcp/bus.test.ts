import { describe, expect, it } from 'vitest';
import { type Changed, openBus, type Wire } from '../../src/mcp/bus.ts';

const ada = { organization: 'acme', user: 'ada' };

/** A wire that several buses share; `lose` is the moment after which some texts may be missing. */
function sharedWire(): Wire & { lose(text?: string): void } {
  const ears: ((text: string | undefined) => void)[] = [];
  const say = (text: string | undefined) => {
    for (const ear of ears) ear(text);
  };
  return { publish: say, listen: async (hear) => void ears.push(hear), lose: say };
}

async function listening(wire?: Wire) {
  const bus = openBus(wire);
  await bus.listen();
  const heard: Changed[] = [];
  const stop = bus.subscribe((who) => void heard.push(who));
  return { bus, heard, stop };
}

describe('a change', () => {
  it('is told once in this process, and in the others on the wire', async () => {
    const wire = sharedWire();
    const [here, there] = [await listening(wire), await listening(wire)];
    here.bus.publish(ada);
    expect([here.heard, there.heard]).toEqual([[ada], [ada]]);
    here.bus.publish(undefined);
    here.bus.tell(ada);
    expect([here.heard.slice(1), there.heard.slice(1)]).toEqual([[undefined, ada], [undefined]]);
  });

  it('is not told to who has stopped listening', async () => {
    const { bus, heard, stop } = await listening();
    stop();
    stop();
    bus.publish(ada);
    expect(heard).toEqual([]);
  });

  it.each([undefined, 'not JSON', '{"a":1}', '["other","acme"]'])(
    'may be of anybody where it says %j',
    async (text) => {
      const wire = sharedWire();
      const { heard } = await listening(wire);
      wire.lose(text);
      expect(heard).toEqual([undefined]);
    },
  );
});
