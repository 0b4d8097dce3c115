/**
 * An API of so many operations, the first of which is the one that is called; the others have the size and shape of
 * common ones, with 2 to 5 described parameters. Each is `{ name, entity, action, method, path, summary, params }`.
 */
const ENTITIES =
  'pulls releases branches commits labels milestones webhooks deployments workflows secrets projects teams members comments reviews gists packages runners environments artifacts'.split(
    ' ',
  );
const ACTIONS = { list: 'get', get: 'get', create: 'post', update: 'patch', delete: 'delete' };

const owner = { name: 'owner', in: 'path', type: 'string', required: true, description: 'Owner of the repository.' };
const repo = { name: 'repo', in: 'path', type: 'string', required: true, description: 'Name of the repository.' };
const perPage = { name: 'per_page', in: 'query', type: 'integer', description: 'Results on one page, 100 at most.' };
const choice = (name, values, description) => ({ name, in: 'query', type: 'string', enum: values, description });

const first = {
  entity: 'issues',
  action: 'list',
  method: 'get',
  path: '/repos/{owner}/{repo}/issues',
  params: [owner, repo, choice('state', ['open', 'closed', 'all'], 'State of the issues to list.'), perPage],
  summary: 'Issues of a repository; the open ones unless another state is asked for.',
};

export const operations = (count) => [first, ...others(count - 1)].map((it) => ({ ...it, name: nameOf(it) }));

const nameOf = ({ entity, action }) => `bench_${entity}_${action}`;

function others(count) {
  const actions = Object.keys(ACTIONS);
  return Array.from({ length: count }, (_, index) => {
    const group = Math.floor(index / (ENTITIES.length * actions.length));
    const noun = ENTITIES[Math.floor(index / actions.length) % ENTITIES.length];
    return operation(group === 0 ? noun : `${noun}${group}`, actions[index % actions.length]);
  });
}

function operation(entity, action) {
  const isOfOne = !['list', 'create'].includes(action);
  const id = { name: 'id', in: 'path', type: 'integer', required: true, description: `Which of the ${entity}.` };
  const title = { name: 'title', in: 'body', type: 'string', required: action === 'create', description: 'Title.' };
  const text = { name: 'body', in: 'body', type: 'string', description: 'Text, as Markdown.' };
  const sort = choice('sort', ['created', 'updated'], 'What they are sorted by.');
  return {
    entity,
    action,
    method: ACTIONS[action],
    path: `/repos/{owner}/{repo}/${entity}${isOfOne ? '/{id}' : ''}`,
    params: [
      owner,
      repo,
      ...(isOfOne ? [id] : []),
      ...(action === 'list' ? [perPage, sort] : []),
      ...(['create', 'update'].includes(action) ? [title, text] : []),
    ],
    summary: `${action[0].toUpperCase()}${action.slice(1)} ${entity} of a repository.`,
  };
}

export const inputSchema = ({ params }) => ({
  type: 'object',
  properties: Object.fromEntries(params.map((it) => [it.name, schemaOf(it)])),
  required: params.filter((it) => it.required).map((it) => it.name),
});

export const schemaOf = ({ type, enum: values, description }) => ({
  type,
  ...(values && { enum: values }),
  description,
});
