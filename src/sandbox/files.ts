import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import type { ApiEnv } from './api.ts';
import type { Data, Person, StoredFile } from './data.ts';
import { count, pageLinks } from './paging.ts';
import { answer, notFound, parsed, Refusal } from './refusal.ts';

const LARGEST_UPLOAD = 10 * 1024 * 1024;

const List = z.object({ offset: count(0, 0, 1_000_000), limit: count(5, 1, 100) });

const Upload = z.object({
  file: z.instanceof(File, { message: 'must be a file part' }),
  name: z.string().trim().min(1).max(200).optional(),
});

/** Files: offsets with a `Link` header, raw content, uploads as multipart. */
export function fileRoutes(data: Data): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();

  app.get('/', (c) => {
    const { offset, limit } = parsed(List, c.req.query());
    const { files } = data.of(c.get('caller').person);
    const links = pageLinks(c.req.url, offset, limit, files.length);
    if (links) c.header('link', links);
    return c.json({ items: files.slice(offset, offset + limit).map((file) => file.info), total: files.length });
  });

  app.post('/', bodyLimit({ maxSize: LARGEST_UPLOAD, onError: (c) => answer(c, tooLarge()) }), async (c) => {
    const form = await c.req.parseBody().catch(() => {
      throw new Refusal(400, 'body_invalid', 'the body is not multipart/form-data');
    });
    const { file, name } = parsed(Upload, form);
    const bytes = new Uint8Array(await file.arrayBuffer());
    const contentType = file.type || 'application/octet-stream';
    const createdAt = new Date().toISOString();
    const info = { id: data.newId('file'), name: name ?? file.name, contentType, size: bytes.length, createdAt };
    data.of(c.get('caller').person).files.unshift({ info, bytes });
    return c.json(info, 201, { location: `${c.req.path}/${info.id}` });
  });

  app.get('/:id', (c) => c.json(fileOf(data, c.get('caller').person, c.req.param('id')).info));

  app.get('/:id/content', (c) => {
    const { info, bytes } = fileOf(data, c.get('caller').person, c.req.param('id'));
    return c.body(Uint8Array.from(bytes), 200, {
      'content-type': info.contentType,
      // RFC 8187: any name, as one token.
      'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(info.name).replace(/['()*]/g, percent)}`,
      'x-content-type-options': 'nosniff',
    });
  });

  app.delete('/:id', (c) => {
    const { person } = c.get('caller');
    const rows = data.of(person);
    const { info } = fileOf(data, person, c.req.param('id'));
    rows.files = rows.files.filter((file) => file.info.id !== info.id);
    return c.body(null, 204);
  });

  return app;
}

function fileOf(data: Data, person: Person, id: string): StoredFile {
  const file = data.of(person).files.find((it) => it.info.id === id);
  if (!file) throw notFound('file');
  return file;
}

function tooLarge(): Refusal {
  return new Refusal(413, 'too_large', `an upload may have ${LARGEST_UPLOAD} bytes`);
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
