import { createHmac, randomUUID } from 'node:crypto';

/** What the writes under one key are told from others by. */
export type Writing = {
  /** Organization and user, whose keys are nothing to others. */
  readonly caller: readonly string[];
  /** Id of the integration. */
  readonly account: string;
  readonly tool: string;
  /** The caller's own key. Default: a new one, for this call alone. */
  readonly key?: string | undefined;
};

/**
 * Gives the key under which a provider gets what a step of a call writes: a UUID, the same for the same step, account and
 * key of the caller, in every process. It tells the provider nothing of the caller's key, and looks like any other
 * (RFC 9562 §5.4), as some check that.
 */
export function providerKeys({ caller, account, tool, key = randomUUID() }: Writing): (step: number) => string {
  return (step) => {
    const bytes = createHmac('sha256', key)
      .update(JSON.stringify([caller, account, tool, step]))
      .digest()
      .subarray(0, 16);
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  };
}
