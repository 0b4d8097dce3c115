/** What a server asks to authenticate with (RFC 9110 §11.6.1). Scheme and names are in lower case, values unquoted. */
export type Challenge = { readonly scheme: string; readonly parameters: ReadonlyMap<string, string> };

const LONGEST = 8_192;

/** The challenges of a WWW-Authenticate header, also of several joined by commas. What makes no sense is left out. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  for (const item of header.slice(0, LONGEST).match(/(?:[^,"]|"(?:[^"\\]|\\.)*(?:"|$))+/gs) ?? []) {
    let parameter = item.trim();
    // A parameter's name is followed by `=`, a scheme by a blank and its first parameter or by nothing.
    const start = /^([\w!#$%&'*+.^`|~-]+)(?:\s+(?!=)(.*))?$/s.exec(parameter);
    if (start?.[1] !== undefined) {
      challenges.push({ scheme: start[1].toLowerCase(), parameters: new Map() });
      parameter = start[2] ?? '';
    }
    const [, name, text, token] = /^([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))$/s.exec(parameter) ?? [];
    const value = text?.replace(/\\(.)/gs, '$1') ?? token;
    if (name !== undefined && value !== undefined) challenges.at(-1)?.parameters.set(name.toLowerCase(), value);
  }
  return challenges;
}
