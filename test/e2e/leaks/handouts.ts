/**
 * An output whose job is to hand out a secret, by what it is called: `POST /token`, `tieline keys create`. It may carry
 * that one secret, in that one place.
 */
export type Handout = {
  readonly from: RegExp;
  readonly secret: string;
  readonly at: RegExp;
  /** It stands in addresses and pages by its purpose: it may be in no log and no file, but in other answers. */
  readonly isAddress?: true;
};

const field = (name: string) => new RegExp(`"${name}": ?"([^"]+)"`);

export const HANDOUTS: readonly Handout[] = [
  // shown this once
  { from: /^stdout of tieline serve$/, secret: 'client API key', at: field('clientKey') },
  { from: /^stdout of tieline keys create /, secret: 'client API key', at: field('key') },
  { from: /^stdout of tieline users (create|rotate) /, secret: 'secret of a user', at: field('secret') },
  { from: /^stdout of tieline tokens create /, secret: 'personal access token', at: field('token') },
  { from: /^POST \/api\/v1\/client-keys$/, secret: 'client API key', at: field('key') },
  { from: /^POST \/api\/v1\/users$/, secret: 'secret of a user', at: field('secret') },
  { from: /^POST \/api\/v1\/users\/[^/]+\/secret$/, secret: 'secret of a user', at: field('secret') },
  { from: /^POST \/api\/v1\/auth\/token$/, secret: 'login token', at: field('token') },
  { from: /^POST \/api\/v1\/tokens$/, secret: 'personal access token', at: field('token') },

  // for the MCP client that signs its user in
  { from: /^POST \/token$/, secret: 'access token of an MCP client', at: field('access_token') },
  { from: /^POST \/token$/, secret: 'refresh token of an MCP client', at: field('refresh_token') },
  { from: /^POST \/register$/, secret: 'client secret of an MCP client', at: field('client_secret') },
  {
    from: /^(GET|POST) \/(authorize|consent|sign-in)\b/,
    secret: 'code for an MCP client',
    at: /[?&]code=([^&\s]+)/g,
  },

  // for one browser; the cookies named here hold the number of a request, which stands in its address too
  { from: /^(GET|POST) \//, secret: 'cookie', at: /^set-cookie: (?!tieline_(?:consent|resume)=)[^=]+=([^;\s]{16,})/gm },
  {
    from: /^POST \/connect\//,
    secret: 'state of a sign-in',
    at: /^location: \S+[?&]state=([^&\s]+)/m,
    isAddress: true,
  },
  {
    from: /^(POST \/mcp|POST \/api\/v1\/integrations\/connectors\/oauth\/initiate|stdout of tieline stdio)$/,
    secret: 'link',
    at: /\/connect\/([\w-]{43})/g,
    isAddress: true,
  },
];
