import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { senderOnDemand, sqlOnDemand } from '../../src/cli/ondemand.ts';

const policy = { allowPrivate: [], connectTo: {}, allowFiles: [] };

describe('a sender that is loaded when it is needed', () => {
  it('sends within the policy, and at no address beyond it', async () => {
    const server = createServer((_, response) => response.end('here')).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const url = new URL(`http://127.0.0.1:${port}/`);
    const options = { allowedHosts: new Set([url.host]) };
    const open = await senderOnDemand({ ...policy, allowPrivate: [url.host] });
    const answers = await Promise.all([1, 2].map(() => open.send({ method: 'GET', url, headers: {} }, options)));
    expect(answers.map((it) => it.status)).toEqual([200, 200]);
    await open.close();
    const strict = await senderOnDemand(policy);
    await expect(strict.send({ method: 'GET', url, headers: {} }, options)).rejects.toMatchObject({
      code: 'target_forbidden',
    });
    await strict.close();
  });

  it('is closed before it was ever needed', async () => {
    await expect((await senderOnDemand(policy)).close()).resolves.toBeUndefined();
  });

  it('is not made with a policy that is wrong', async () => {
    const wrong = { ...policy, allowPrivate: ['http://desk.example/'] };
    await expect(senderOnDemand(wrong)).rejects.toMatchObject({ code: 'config_invalid' });
  });
});

it('databases are reached within the policy', async () => {
  const address = { driver: 'sqlite', database: '/etc/hosts' } as never;
  const database = await sqlOnDemand(policy)(address);
  onTestFinished(() => database.close());
  await expect(database.query('SELECT 1', {}, { timeoutMs: 5_000 })).rejects.toMatchObject({
    code: 'target_forbidden',
  });
});
