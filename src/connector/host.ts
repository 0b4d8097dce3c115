/** The host of an address, when it is written out. */
export function hostOf(text: string | undefined): string | undefined {
  const origin = /^https?:\/\/[^/?#{}\s]+(?=[/?#]|$)/.exec(text ?? '')?.[0];
  return origin !== undefined && URL.canParse(origin) ? new URL(origin).host : undefined;
}
