import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openNotices } from '../../src/keystore/notices.ts';
import { postgresIsAbsent, postgresPlace, redisIsAbsent, redisPlace, withPostgres, withRedis } from './servers.ts';

async function listening(url: string) {
  const notices = openNotices(url);
  onTestFinished(() => notices.close());
  const heard: (string | undefined)[] = [];
  await notices.listen((text) => void heard.push(text));
  return { notices, heard };
}

const kinds = [
  {
    name: 'PostgreSQL',
    absent: postgresIsAbsent,
    place: () => postgresPlace().url.href,
    cut: () =>
      withPostgres((admin) =>
        admin.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tieline' AND query LIKE 'LISTEN tieline%'`,
        ),
      ),
  },
  {
    name: 'Redis',
    absent: redisIsAbsent,
    place: () => redisPlace().url.href,
    cut: () => withRedis((admin) => admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub'])),
  },
];

describe.each(kinds)('notices over $name$absent', ({ absent, place, cut }) => {
  it.skipIf(absent)('reach every process on the store, and none on another', async () => {
    const url = place();
    const [one, two, other] = [await listening(url), await listening(url), await listening(place())];
    one.notices.publish('first');
    one.notices.publish('second');
    await vi.waitFor(() => expect(two.heard).toEqual(['first', 'second']));
    await vi.waitFor(() => expect(one.heard).toEqual(['first', 'second']));
    expect(other.heard).toEqual([]);
  });

  it.skipIf(absent)('are sent by a process that does not listen, before it ends', async () => {
    const url = place();
    const { heard } = await listening(url);
    const speaker = openNotices(url);
    speaker.publish('bye');
    await speaker.close();
    await vi.waitFor(() => expect(heard).toEqual(['bye']));
    speaker.publish('after the end');
    await speaker.close();
    expect(heard).toEqual(['bye']);
  });

  it.skipIf(absent)('go on after the connection was cut, and tell that some may be lost', async () => {
    const url = place();
    const { heard } = await listening(url);
    await cut();
    await vi.waitFor(() => expect(heard).toEqual([undefined]), 5_000);
    const speaker = openNotices(url);
    speaker.publish('again');
    await vi.waitFor(() => expect(heard).toEqual([undefined, 'again']));
    await speaker.close();
  });
});

describe('notices without a server', () => {
  it.each(['', 'memory:', 'sqlite:/tmp/x.db'])('are silent: %j', async (url) => {
    const { notices, heard } = await listening(url);
    notices.publish('x');
    await notices.close();
    expect(heard).toEqual([]);
  });

  it.each(['postgres://127.0.0.1:1/x', 'redis://127.0.0.1:1'])('do not fail where there is none: %s', async (url) => {
    const { notices, heard } = await listening(url);
    notices.publish('x');
    await notices.close();
    expect(heard).toEqual([]);
  });
});
