export default ({ input }) => ({ headers: { 'X-Workshop-Region': `of-${input.username}` } });
