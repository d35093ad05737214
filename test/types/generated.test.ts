// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repository } from '../support/sources.js';

/** The members of an interface as text: comparing types would ignore the names of parameters. */
function membersOf(file: string, name: string): string[] {
  const text = readFileSync(join(repository, file), 'utf8');
  const body = new RegExp(`interface ${name} \\{\\n([^}]*)\\}`).exec(text)?.[1] ?? '';
  return body
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

test('the functions of the module are declared with the generated names, in the same order', () => {
  const generated = membersOf(
    'build/wasm-release/cpp/bindings/types/lite-alloc.d.ts',
    'EmbindModule',
  );
  expect(generated).toContain('malloc(size: number): number;');
  expect(membersOf('js/src/module/heap-functions.ts', 'ModuleFunctions')).toEqual(generated);
});
