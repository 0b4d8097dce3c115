import { request as plain } from 'node:http';
import { request as secure } from 'node:https';
import { text } from 'node:stream/consumers';
import { CookieJar } from '../../dist/sandbox/cookies.js';

/**
 * A person's browser as far as HTTP goes. `hosts` says where names are reached instead: `127.0.0.1:port` by name; `ca`
 * is trusted. No redirect is followed that is not asked for.
 */
export function openBrowser({ hosts = {}, ca } = {}) {
  const cookies = new CookieJar();

  /** Gives `{ status, html, location }`, where `location` is in full. */
  async function open(address, { form, headers = {} } = {}) {
    const url = new URL(address);
    const [hostname, port] = hosts[url.hostname]?.split(':') ?? [url.hostname, url.port];
    const body = form && new URLSearchParams(form).toString();
    const response = await new Promise((resolve, reject) => {
      const sent = (url.protocol === 'https:' ? secure : plain)({
        hostname,
        port,
        servername: url.hostname,
        ca,
        path: `${url.pathname}${url.search}`,
        method: form ? 'POST' : 'GET',
        headers: {
          host: url.host,
          accept: 'text/html',
          cookie: cookies.headerFor(url),
          ...(form && { 'content-type': 'application/x-www-form-urlencoded', origin: url.origin }),
          ...headers,
        },
      });
      sent.once('response', resolve).once('error', reject).end(body);
    });
    cookies.keep(url, response.headers['set-cookie'] ?? []);
    const { statusCode: status, headers: given } = response;
    const location = given.location && new URL(given.location, url).href;
    return { url: url.href, status, html: await text(response), location };
  }

  /** Presses a button of the form on a page, with the fields that it has and those given. */
  function press(page, name, value, fields = {}) {
    if (!page.html.includes(`name="${name}" value="${value}"`)) {
      throw new Error(
        `no button ${value} on the page ${new URL(page.url).pathname} (${page.status}): ${page.html.slice(-600)}`,
      );
    }
    return submit(page, { ...fields, [name]: value });
  }

  /** Sends the form on a page, with the hidden fields that it has and those given. */
  function submit(page, fields) {
    const hidden = [...page.html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)];
    const form = { ...Object.fromEntries(hidden.map(([, key, text]) => [key, text])), ...fields };
    return open(page.url, { form, headers: { 'sec-fetch-site': 'same-origin' } });
  }

  /** Opens a connect link and agrees: the address of the provider's sign-in page. */
  async function agree(link, option) {
    const page = await open(option === undefined ? link : `${link}?option=${option}`);
    const { location, status, html } = await press(page, 'decision', 'continue');
    if (location === undefined) throw new Error(`the connect page did not lead on (${status}): ${html.slice(-600)}`);
    return location;
  }

  return { cookies, open, press, submit, agree };
}
