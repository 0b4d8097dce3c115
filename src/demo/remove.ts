import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { mainFile } from '../cli/mcpconfig.ts';

/** Removes a sandbox account as a person would, with the command, in a process of its own. */
export async function removeAccount(
  env: Readonly<Record<string, string>>,
  identifier: string,
  signal: AbortSignal,
): Promise<void> {
  const args = [mainFile, 'integrations', 'remove', 'sandbox', identifier, '--json'];
  await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env }, signal });
}
