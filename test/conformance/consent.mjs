import { openBrowser } from '../seeds/browser.mjs';

/** Opens an authorization request in a browser, signs in as the user, allows it, and goes back to the client. */
export async function allow(address, { identifier, secret }) {
  const browser = openBrowser();

  /** Follows redirects to the next page, wherever it is. */
  const arrive = async (page) => {
    let there = await page;
    for (let steps = 0; there.location !== undefined; steps += 1) {
      if (steps === 10) throw new Error(`too many redirects at ${there.url}`);
      there = await browser.open(there.location);
    }
    return there;
  };

  const signIn = await arrive(browser.open(address));
  const consent = await arrive(browser.submit(signIn, { identifier, secret }));
  const back = await arrive(browser.press(consent, 'decision', 'allow'));
  if (back.status !== 200) throw new Error(`${new URL(back.url).pathname} answered ${back.status}: ${back.html}`);
}
