/** A text as quoted-string (RFC 9110 §5.6.4). */
export const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
