/**
 * node floor.mjs <url>: makes the request itself, with nothing in between. For each line of JSON on stdin, as
 * `{"concurrency": 16, "ms": 1500}`, it prints what `closedLoop` gives.
 */
import { createInterface } from 'node:readline';
import { Pool } from 'undici';
import { closedLoop } from '../drive/closedloop.mjs';
import { PATH, problemOf, TOKEN } from './records.mjs';

const pool = new Pool(process.argv[2], { connections: 64, pipelining: 1 });
const headers = { authorization: `Bearer ${TOKEN}`, accept: 'application/json' };

async function get() {
  const { statusCode, body } = await pool.request({ path: PATH, method: 'GET', headers });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`HTTP ${statusCode}`);
  return text;
}

const ask = (_, done) => {
  get().then(done, (error) => done(undefined, error.message));
};

for await (const line of createInterface({ input: process.stdin })) {
  const check = (text) => problemOf({ result: text });
  process.stdout.write(`${JSON.stringify(await closedLoop({ ...JSON.parse(line), ask, check }))}\n`);
}
await pool.close();
