/** What Node calls a certificate of an authority that it does not know. */
const UNKNOWN_AUTHORITY = /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_)/;

/** Whether a request failed as nobody has said to trust the authority of the host. No later try mends that. */
export function isDistrusted(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return (typeof code === 'string' && UNKNOWN_AUTHORITY.test(code)) || isDistrusted(error.cause);
}

/** The next step then. `field` is what a connection calls the certificate, `place` where a definition has it. */
export const trustHint = (field: string, place: string): string =>
  `Give the certificate of its authority in PEM, as ${field} of the connection, or as trustedCa of ${place} in a definition.`;
