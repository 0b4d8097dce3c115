// The key is good for one thing: a session, and the ticket to the next one.
export default async ({ secrets, http }) => {
  const { status, body } = await http({ method: 'POST', path: '/login', json: { key: secrets.apiKey } });
  if (status !== 200) throw { code: 'token_rejected', message: 'the workshop does not know this key' };
  return { session: body.session, ticket: body.ticket, level: body.level, expiresIn: body.seconds };
};
