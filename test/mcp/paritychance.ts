import fc from 'fast-check';

/** Any JSON, lone surrogates included. */
export const anyJson = fc.jsonValue({ stringUnit: 'binary', maxDepth: 4 });

const NAMES = ['__proto__', 'constructor', 'progressToken', 'task', 'integration', 'any', 'cursor', '_meta', 'x'];
const OWN = { enumerable: true, writable: true, configurable: true };

type Mutate = (message: unknown) => unknown;

/** Changes one place of a message: takes it away, puts another value there, or one beside it. */
export const mutation: fc.Arbitrary<Mutate> = fc
  .tuple(fc.nat(40), fc.constantFrom('drop', 'put', 'add'), fc.constantFrom(...NAMES), anyJson)
  .map(
    ([place, how, name, value]): Mutate =>
      (message) => {
        const copy: unknown = structuredClone(message);
        const places = placesIn(copy);
        const [of, key] = places[place % places.length] as readonly [Record<string, unknown>, string];
        if (how === 'drop') delete of[key];
        else Object.defineProperty(of, how === 'put' ? key : name, { value, ...OWN });
        return copy;
      },
  );

const placesIn = (value: unknown): (readonly [object, string])[] =>
  typeof value !== 'object' || value === null
    ? []
    : Object.entries(value).flatMap(([key, it]) => [[value, key] as const, ...placesIn(it)]);
