import { html, raw } from 'hono/html';

type Document = {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> };
};

type Operation = {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly {
    name: string;
    in: string;
    required?: boolean;
    schema?: unknown;
    description?: string;
  }[];
  readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: unknown }>> };
  readonly responses?: Readonly<
    Record<string, { readonly description?: string; readonly content?: Readonly<Record<string, { schema?: unknown }>> }>
  >;
};

/** The API to be read in a browser: the same document, without scripts and without anything from elsewhere. */
export function referencePage(document: unknown) {
  const { info, paths = {}, components = {} } = document as Document;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, it]) => ({ path, method, ...(it as Operation) })),
  );
  const tags = [...new Set(operations.map((it) => it.tags?.[0] ?? 'Other'))];
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${info.title} API</title>
        <style>
          ${raw(STYLE)}
        </style>
      </head>
      <body>
        <header>
          <h1>${info.title} API <small>${info.version}</small></h1>
          <p>${info.description}</p>
          <p><a href="openapi.json">OpenAPI 3.1 document</a></p>
        </header>
        <main>
          ${tags.map(
            (tag) => html`<section>
              <h2>${tag}</h2>
              ${operations.filter((it) => (it.tags?.[0] ?? 'Other') === tag).map(operation)}
            </section>`,
          )}
          <section>
            <h2>Schemas</h2>
            ${Object.entries(components.schemas ?? {}).map(
              ([name, schema]) => html`<details id="${name}">
                <summary><code>${name}</code></summary>
                ${shownSchema(schema)}
              </details>`,
            )}
          </section>
        </main>
      </body>
    </html>`;
}

function operation({
  path,
  method,
  summary,
  parameters = [],
  requestBody,
  responses = {},
}: Operation & { path: string; method: string }) {
  const sent = Object.values(requestBody?.content ?? {})[0]?.schema;
  return html`<details>
    <summary><b class="${method}">${method.toUpperCase()}</b> <code>${path}</code> <span>${summary}</span></summary>
    ${
      parameters.length > 0
        ? html`<table>
            ${parameters.map(
              (it) => html`<tr>
                <td><code>${it.name}</code>${it.required ? ' *' : ''}</td>
                <td>${it.in}</td>
                <td>${it.description ?? ''}</td>
              </tr>`,
            )}
          </table>`
        : ''
    }
    ${sent === undefined ? '' : html`<h4>Body</h4>${shownSchema(sent)}`}
    <table>
      ${Object.entries(responses).map(
        ([status, { description, content = {} }]) => html`<tr>
          <td>${status}</td>
          <td>${description ?? ''}</td>
          <td>${Object.values(content).map((it) => shownSchema(it.schema))}</td>
        </tr>`,
      )}
    </table>
  </details>`;
}

/** A reference as a link, anything else as it is. */
function shownSchema(schema: unknown) {
  const { $ref } = (schema ?? {}) as { $ref?: string };
  const name = $ref?.split('/').at(-1);
  return name === undefined
    ? html`<pre>${JSON.stringify(schema, null, 2)}</pre>`
    : html`<a href="#${name}"><code>${name}</code></a>`;
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 small { font-weight: normal; opacity: 0.6; }
details { border: 1px solid #8884; border-radius: 6px; padding: 0.4rem 0.8rem; margin: 0.4rem 0; }
summary { cursor: pointer; }
summary span { opacity: 0.75; margin-left: 0.5rem; }
b { display: inline-block; min-width: 4.5rem; }
.get { color: #2a7; } .post { color: #27c; } .patch, .put { color: #b70; } .delete { color: #c33; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0; font-size: 0.9rem; }
td { border-top: 1px solid #8883; padding: 0.2rem 0.6rem 0.2rem 0; vertical-align: top; }
pre { overflow: auto; background: #8881; padding: 0.6rem; border-radius: 4px; font-size: 0.85rem; }
`;
