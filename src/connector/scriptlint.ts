import { dirname, join } from 'node:path';
import { Scripts } from '../expression/sandbox.ts';
import type { Loaded } from './load.ts';
import { at, type Problem } from './problem.ts';
import { IMMEDIATE, isAsync, methodsOf } from './script.ts';

/** Parses the functions of methods, those in files of their own too. Needs `loadSandbox` first. */
export function lintScripts({ definition, file, source }: Loaded): Problem[] {
  const scripts = new Scripts();
  try {
    return methodsOf(definition).flatMap(({ name, method, path }): Problem[] => {
      if (method.javascript === undefined) return [];
      const report = (line: number, message: string): Problem =>
        method.file === undefined
          ? at(file, source.at([...path, 'javascript']), 'script', `line ${line} of the function: ${message}`)
          : at(join(dirname(file), method.file), { line, column: 1 }, 'script', message);
      const slip = scripts.check(method.javascript);
      if (slip) return [report(slip.line, slip.message)];
      return IMMEDIATE.has(name) && isAsync(method.javascript) ? [report(1, `${name} ${CANNOT_WAIT}`)] : [];
    });
  } finally {
    scripts.dispose();
  }
}

const CANNOT_WAIT = 'runs for each request: it cannot be async and has no http';
