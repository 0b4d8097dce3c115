import type { Definition } from './definition.ts';
import { didYouMean, type Found, nameOf, type Path } from './problem.ts';
import { inlineSchema } from './schema.ts';

/** Every name in a definition that stands for another part of it, and for none that is there. */
export function findDangling({ pagination, schemas, auth, entities, tests }: Definition): Found[] {
  const found = new Map<string, Found>();
  const complain = (path: Path, message: string) => {
    found.set(nameOf(path), { path, part: 'value', message: `${nameOf(path)}: ${message}` });
  };
  const check = (path: Path, what: string, name: string, there: readonly string[]) => {
    if (!there.includes(name)) complain(path, `there is no ${what} ${name}${didYouMean(name, there)}`);
  };
  const all = Object.entries(entities).flatMap(([entity, { actions }]) =>
    Object.entries(actions).map(([name, spec]) => ({ entity, name, spec })),
  );
  const pairs = new Set(all.map(({ entity, name }) => `${entity}.${name}`));
  for (const { entity, name, spec } of all) {
    const path = ['entities', entity, 'actions', name];
    inlineSchema(spec.params, schemas, complain, [...path, 'params']);
    if (typeof spec.paginate === 'string') {
      check([...path, 'paginate'], 'pagination rule', spec.paginate, Object.keys(pagination));
    }
    for (const [i, alias] of spec.aliases.entries()) {
      if (pairs.has(alias)) complain([...path, 'aliases', i], `there is another action ${alias}`);
      pairs.add(alias);
    }
  }
  for (const [i, { call, option }] of tests.entries()) {
    check(['tests', i, 'call'], 'action', call, [...pairs]);
    if (option !== undefined) check(['tests', i, 'option'], 'auth option', option, Object.keys(auth.options));
  }
  return [...found.values()];
}
