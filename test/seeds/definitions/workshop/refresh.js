// The ticket stays: what this gives is merged into what is kept.
export default async ({ credentials, http }) => {
  const { status, body } = await http({ method: 'POST', path: '/renew', json: { ticket: credentials.ticket } });
  if (status !== 200) throw { code: 'reauthorization_required', message: 'the ticket is no longer good' };
  return { session: body.session, expiresIn: body.seconds };
};
