/** What the sandbox's tickets and messages are about. */
export const SUBJECTS: readonly string[] = [
  'The north lamp blinks twice',
  'Buoy 7 drifts at spring tide',
  'Crane brake squeals when cold',
  'Gate card reader rejects new cards',
  'Fog horn is one tone too low',
  'Ferry timetable shows last winter',
  'Slipway winch cable is worn',
  'Tide gauge stops at midnight',
  'Customs form prints blank pages',
  'Berth 12 has no shore power',
  'Pilot boat radio loses channel 16',
];

/** A valid 1 by 1 pixel PNG, so that a client can show that binary content survives. */
export const HARBOUR: Uint8Array = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
