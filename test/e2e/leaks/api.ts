// biome-ignore lint/suspicious/noExplicitAny: stories look at whatever was answered
export type Answered = { readonly status: number; readonly body: any };

export type Api = (method: string, path: string, more?: Asking) => Promise<Answered>;

export type Asking = {
  /** A bearer token. */
  readonly as?: string | undefined;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Asks the REST API, or with `//` before the path, anything else at that address. */
export const apiAt =
  (url: string): Api =>
  async (method, path, { as, body, headers = {} } = {}) => {
    const response = await fetch(path.startsWith('//') ? url + path.slice(1) : `${url}/api/v1${path}`, {
      method,
      headers: {
        ...headers,
        ...(as !== undefined && { authorization: `Bearer ${as}` }),
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
    return { status: response.status, body: isJson ? JSON.parse(text) : text };
  };
