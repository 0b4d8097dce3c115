let last: Promise<void> = Promise.resolve();

/** Turns that are free for everybody else before each. */
const FREE = 3;

async function nextTurn(): Promise<void> {
  for (let i = 0; i <= FREE; i++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * Waits for a turn of the event loop in which nobody else does long work. Whoever goes through megabytes asks for one
 * before each piece of it: however many do, between two of them everybody else goes on.
 */
export function ownTurn(): Promise<void> {
  last = last.then(nextTurn);
  return last;
}
