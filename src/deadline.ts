/**
 * The longest that a call may take, in milliseconds, with all its waits, attempts, steps and pages: MCP clients give up
 * after 60 s (the default of their SDKs), and must have heard by then what became of it.
 */
export const LONGEST_CALL_MS = 50_000;
