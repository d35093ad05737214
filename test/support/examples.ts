// SPDX-License-Identifier: MIT

import * as liteAlloc from 'lite-alloc';
import { findAll, listSources } from './sources.js';

export interface Example {
  /** The file and the line of the comment, and the name. */
  readonly title: string;
  /** The name of the function, method or getter that the comment describes. */
  readonly name: string;
  /** A whole program. */
  readonly code: string;
}

/** Reads the samples below `@example` in the doc comments of a folder of the repository. */
export function readExamples(folder: string): Example[] {
  return listSources(folder, ['.ts']).flatMap(({ path, text }) =>
    [...text.matchAll(/^ *\/\*\*\n([\s\S]*?)\*\/\n(.*)$/gm)].flatMap((match) => {
      const [, comment = '', item = ''] = match;
      const name = /(\w+)[<(]/.exec(item)?.[1] ?? item.trim();
      const line = text.slice(0, match.index).split('\n').length;
      const lines = comment.replaceAll(/^ *\* ?/gm, '');
      const samples = findAll(lines, /^@example\n```ts\n([\s\S]*?)^```$/gm);
      const title = `${path}:${line}, ${name}`;
      return samples.map((code) => ({ title, name, code: completeExample(code) }));
    }),
  );
}

/** Adds what an example without imports leaves out: the import, and a heap unless it makes one. */
function completeExample(code: string): string {
  if (code.startsWith('import ')) return code;
  const makesHeap = /^const heap =/m.test(code);
  const program = makesHeap ? code : `const heap = await createHeap();\n${code}`;
  const names = Object.keys(liteAlloc).filter((name) => new RegExp(`\\b${name}\\b`).test(program));
  return `import { ${names.join(', ')} } from 'lite-alloc';\n${program}`;
}
