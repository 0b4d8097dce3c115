import type { MiddlewareHandler } from 'hono';

/** The pages that a browser passes through on its way to a client and back. */
export const POPUP_PATHS = ['/authorize', '/authorize/*', '/consent/*', '/sign-in', '/sign-out', '/callback/sign-in'];

/**
 * Clients in a browser open the sign-in in a window of its own and wait for it to come back to them. With a
 * Cross-Origin-Opener-Policy of `same-origin` the two would never find each other again.
 */
export const keepOpener: MiddlewareHandler = async (context, next) => {
  await next();
  context.res.headers.set('cross-origin-opener-policy', 'unsafe-none');
};
