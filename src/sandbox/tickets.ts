import { Hono } from 'hono';
import { z } from 'zod';
import type { ApiEnv } from './api.ts';
import type { Comment, Data, Person, Ticket } from './data.ts';
import { Idempotency } from './idempotency.ts';
import { count, cursorPage } from './paging.ts';
import { notFound, parsed, parsedBody } from './refusal.ts';

const State = z.enum(['open', 'closed']);

const List = z.object({
  state: State.optional(),
  q: z.string().optional(),
  cursor: z.string().optional(),
  limit: count(10, 1, 100),
});

const Fields = z.strictObject({
  title: z.string().trim().min(1).max(200),
  body: z.string().max(10_000),
  state: State,
  priority: z.enum(['low', 'normal', 'high']),
  labels: z.array(z.string().min(1).max(50)).max(20),
});

const NewTicket = Fields.partial().required({ title: true }).omit({ state: true });
const Change = Fields.partial();
const NewComment = z.strictObject({ body: z.string().trim().min(1).max(10_000) });

/** Tickets with comments: cursor pagination, search, and writes that may be repeated under an `Idempotency-Key`. */
export function ticketRoutes(data: Data): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  const createdTickets = new Idempotency<Ticket>();
  const createdComments = new Idempotency<Comment>();

  app.get('/', (c) => {
    const { state, q, cursor, limit } = parsed(List, c.req.query());
    const wanted = q?.toLowerCase();
    const found = data
      .of(c.get('caller').person)
      .tickets.filter((ticket) => state === undefined || ticket.state === state)
      .filter((ticket) => wanted === undefined || `${ticket.title}\n${ticket.body}`.toLowerCase().includes(wanted));
    return c.json(cursorPage(found, cursor, limit));
  });

  app.post('/', async (c) => {
    const fields = await parsedBody(NewTicket, c);
    const { person } = c.get('caller');
    const ticket = createdTickets.once(person.id, c.req.header('idempotency-key'), fields, () => {
      const at = new Date().toISOString();
      const made: Ticket = {
        id: data.newId('tkt'),
        title: fields.title,
        body: fields.body ?? '',
        state: 'open',
        priority: fields.priority ?? 'normal',
        labels: fields.labels ?? [],
        createdAt: at,
        updatedAt: at,
      };
      data.of(person).tickets.unshift(made);
      return { ...made };
    });
    return c.json(ticket, 201, { location: `${c.req.path}/${ticket.id}` });
  });

  app.get('/:id', (c) => c.json(ticketOf(data, c.get('caller').person, c.req.param('id'))));

  app.patch('/:id', async (c) => {
    const change = await parsedBody(Change, c);
    const ticket = ticketOf(data, c.get('caller').person, c.req.param('id'));
    Object.assign(ticket, change, { updatedAt: new Date().toISOString() });
    return c.json(ticket);
  });

  app.delete('/:id', (c) => {
    const { person } = c.get('caller');
    const rows = data.of(person);
    const { id } = ticketOf(data, person, c.req.param('id'));
    rows.tickets = rows.tickets.filter((ticket) => ticket.id !== id);
    rows.comments = rows.comments.filter((comment) => comment.ticketId !== id);
    return c.body(null, 204);
  });

  app.get('/:id/comments', (c) => {
    const { person } = c.get('caller');
    const { id } = ticketOf(data, person, c.req.param('id'));
    return c.json({ items: data.of(person).comments.filter((comment) => comment.ticketId === id) });
  });

  app.post('/:id/comments', async (c) => {
    const { body } = await parsedBody(NewComment, c);
    const { person } = c.get('caller');
    const { id: ticketId } = ticketOf(data, person, c.req.param('id'));
    const key = c.req.header('idempotency-key');
    const comment = createdComments.once(`${person.id} ${ticketId}`, key, body, () => {
      const createdAt = new Date().toISOString();
      const made: Comment = { id: data.newId('cmt'), ticketId, author: person.email, body, createdAt };
      data.of(person).comments.unshift(made);
      return made;
    });
    return c.json(comment, 201);
  });

  return app;
}

function ticketOf(data: Data, person: Person, id: string): Ticket {
  const ticket = data.of(person).tickets.find((it) => it.id === id);
  if (!ticket) throw notFound('ticket');
  return ticket;
}
