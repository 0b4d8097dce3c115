/** Loaded into a process whose clock is to be off, by so many milliseconds: what it reads of the time is. */
const offset = Number(process.env.FAULT_CLOCK_MS);
const { now } = Date;
Date.now = () => now() + offset;
globalThis.Date = class extends Date {
  constructor(...args) {
    if (args.length === 0) super(Date.now());
    else super(...args);
  }
};
