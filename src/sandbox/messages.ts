import { Hono } from 'hono';
import { z } from 'zod';
import type { ApiEnv } from './api.ts';
import type { Data, Message } from './data.ts';
import { Idempotency } from './idempotency.ts';
import { count } from './paging.ts';
import { notFound, parsed, parsedBody } from './refusal.ts';

const List = z.object({ page: count(1, 1, 1_000_000), perPage: count(10, 1, 100) });

const NewMessage = z.strictObject({
  to: z.email(),
  subject: z.string().trim().min(1).max(200),
  body: z.string().max(100_000).default(''),
});

/** Messages: pages with a total. What a person sends stays among their own messages; nothing leaves the machine. */
export function messageRoutes(data: Data): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  const sent = new Idempotency<Message>();

  app.get('/', (c) => {
    const { page, perPage } = parsed(List, c.req.query());
    const { messages } = data.of(c.get('caller').person);
    const items = messages.slice((page - 1) * perPage, page * perPage);
    return c.json({ items, page, perPage, total: messages.length });
  });

  app.get('/:id', (c) => {
    const message = data.of(c.get('caller').person).messages.find((it) => it.id === c.req.param('id'));
    if (!message) throw notFound('message');
    return c.json(message);
  });

  app.post('/', async (c) => {
    const fields = await parsedBody(NewMessage, c);
    const { person } = c.get('caller');
    const message = sent.once(person.id, c.req.header('idempotency-key'), fields, () => {
      const made: Message = { id: data.newId('msg'), from: person.email, ...fields, sentAt: new Date().toISOString() };
      data.of(person).messages.unshift(made);
      return made;
    });
    return c.json(message, 201, { location: `${c.req.path}/${message.id}` });
  });

  return app;
}
