import type { Limits } from './context.ts';
import { type FailureLimit, limitFailures, openRequestLimit, type RequestLimit } from './ratelimit.ts';

/** What counts across requests, for all ways in which they come. */
export type Gates = {
  readonly failures: FailureLimit;
  /** Of MCP. */
  readonly requests: RequestLimit;
};

export const openGates = (limits: Limits): Gates => ({
  failures: limitFailures(limits.failures),
  requests: openRequestLimit(limits.requests),
});
