import { execute } from '../execute/execute.ts';
import { localPrincipal } from '../integration/principal.ts';
import { parseObject } from './json.ts';
import { openEngine } from './open.ts';
import { print } from './output.ts';

/** `tieline call <connector> <entity> <action>` */
export async function call(
  connector: string,
  entity: string,
  action: string,
  options: {
    readonly json?: boolean;
    readonly params: string;
    readonly integration?: string;
    readonly idempotencyKey?: string;
  },
): Promise<void> {
  const params = parseObject(options.params, '--params');
  const { engine, close } = await openEngine();
  try {
    const identifier = options.integration;
    const { idempotencyKey } = options;
    const {
      file,
      isReplayed: _,
      ...outcome
    } = await execute(engine, localPrincipal, {
      connector,
      entity,
      action,
      params,
      identifier,
      idempotencyKey,
    });
    if (file && !options.json) process.stdout.write(file.bytes);
    else print(file ? { ...outcome, file: Buffer.from(file.bytes).toString('base64') } : outcome, true, () => '');
  } finally {
    await close();
  }
}
