import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { buildConnector } from '../src/connector/connector.ts';
import { lint } from '../src/connector/lint.ts';
import { readDefinition } from '../src/connector/load.ts';
import { replay } from '../src/execute/replay.ts';
import { loadSandbox } from '../src/expression/sandbox.ts';

const readme = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8');

describe('README', () => {
  it('begins with the two commands', () => {
    expect(/```sh\n([\s\S]*?)```/.exec(readme)?.[1]).toMatch(/^npm ci && npm run demo.*\nnpm ci && npm test.*\n$/);
  });

  it('shows a connector that is complete, lints, and does what its test says', async () => {
    await loadSandbox();
    const text = /```yaml\n(# yaml-language-server[\s\S]*?)```/.exec(readme)?.[1] ?? '';
    const read = readDefinition(text, 'README.md');
    if ('problems' in read) throw new Error(JSON.stringify(read.problems));
    expect(lint(read.loaded)).toEqual([]);
    const { tests } = read.loaded.definition;
    expect(tests).toHaveLength(1);
    for (const example of tests) expect(await replay(buildConnector(read.loaded), example)).toEqual([]);
  });
});
