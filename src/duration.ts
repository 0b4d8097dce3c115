import { z } from 'zod';

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** `250ms`, `30s`, `5m` or `1h`; milliseconds once parsed. */
export const duration = z
  .string()
  .regex(/^\d{1,6}(ms|s|m|h)$/, 'is a number with ms, s, m or h, for example 30s')
  .transform((it) => Number.parseInt(it, 10) * UNITS[it.replace(/\d+/, '') as keyof typeof UNITS]);
