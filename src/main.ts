#!/usr/bin/env node
import { EXIT, fail } from './cli/output.ts';
import { survives } from './cli/survival.ts';

// Whoever reads the output may stop early, as `head` does; what the command is for goes on.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
// Node's own report of a failure that nobody awaited is not scrubbed.
process.on('uncaughtException', (error) => survives(error) || process.exit(fail(error, false)));

const args = process.argv.slice(2);
// A client waits for this start, and there are no options to read.
const isStdio = args.length === 1 && args[0] === 'stdio';
process.exitCode = isStdio ? await stdio() : await (await import('./cli/program.ts')).run(args);

async function stdio(): Promise<number> {
  try {
    await (await import('./cli/stdio.ts')).stdio();
    return EXIT.done;
  } catch (error) {
    return fail(error, false);
  }
}
