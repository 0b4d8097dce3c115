import { isTielineError, type TielineError } from '../../src/errors.ts';

/** The TielineError that the work must end with. */
export async function failureOf(work: Promise<unknown>): Promise<TielineError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isTielineError(error)) throw new Error(`expected a TielineError, not ${error}`);
  return error;
}
