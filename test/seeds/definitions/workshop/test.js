export default async ({ http }) => {
  const { status, body } = await http({ path: '/me' });
  return status === 200 && body.active === true;
};
