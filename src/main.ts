#!/usr/bin/env node
import { fail } from './cli/output.ts';
import { run } from './cli/program.ts';

// Whoever reads the output may stop early, as `head` does; what the command is for goes on.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
// Node's own report of a failure that nobody awaited is not scrubbed.
process.on('uncaughtException', (error) => process.exit(fail(error, false)));

process.exitCode = await run(process.argv.slice(2));
