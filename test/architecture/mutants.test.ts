// SPDX-License-Identifier: MIT
//
// Tests which mutants the campaign finds in a source text, and how it compiles all of them into one program.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findMutants, instrument, sample, staleExplanations } from '../../tools/lib/mutants.mjs';
import { repository } from '../support/sources.js';

const cpp = `// if (a < b) return;
static constexpr int kLimit = 1 + 2;
int pick(int a, int b) {
  if (a < b) return a + b;
  int sum = a - 1'000;  // a + b
  log("a < b");
  ++count_;
  while (sum != 0 &&
         a < b) {
  }
  return a == b ? 'x' : 'y';
}
`;

const typescript = `import { a } from './a.js';
/** if (a > b) */
function pick(a: number, b: number): boolean {
  if (a >= b || a === 0) return false;
  const sum = a + b;
  this.#note(sum);
  const text = 'a + b';
  return sum > 3 && isFree(sum);
}
`;

interface Mutant {
  readonly line: number;
  readonly what: string;
  /** The line with both forms, behind a switch expression. */
  to(isOn: string): string;
}

function mutantsOf(text: string, language: 'cpp' | 'typescript'): Mutant[] {
  return findMutants(text, language) as Mutant[];
}

/** The changes by line, as the campaign reports them. */
function changesOf(text: string, language: 'cpp' | 'typescript'): Record<number, string[]> {
  const changes: Record<number, string[]> = {};
  for (const { line, what } of mutantsOf(text, language)) {
    changes[line] = [...(changes[line] ?? []), what];
  }
  return changes;
}

test('leaves no field of a class out', () => {
  const fields = 'class Tree {\n  #count = 0;\n  grow(): void {\n    this.#count = 1;\n  }\n}\n';
  expect(changesOf(fields, 'typescript')).toEqual({ 4: ['this.#count = 1;  ->  (left out)'] });
});

test('finds the operators, conditions and calls of C++, one change each', () => {
  expect(changesOf(cpp, 'cpp')).toEqual({
    4: ['a < b  ->  !(a < b)', 'a < b  ->  a <= b', 'a + b  ->  a - b'],
    5: ["a - 1'000  ->  a + 1'000"],
    6: ['log("a < b");  ->  (left out)'],
    7: ['++count_;  ->  (left out)'],
    11: ["a == b ? 'x' : 'y'  ->  a != b ? 'x' : 'y'"],
  });
});

test('finds the operators, conditions, words and calls of TypeScript, one change each', () => {
  expect(changesOf(typescript, 'typescript')).toEqual({
    4: [
      'a >= b || a === 0  ->  !(a >= b || a === 0)',
      'a >= b || a === 0  ->  a > b || a === 0',
      'a >= b || a === 0  ->  a >= b || a !== 0',
      'a >= b || a === 0  ->  a >= b && a === 0',
      'false  ->  true',
    ],
    5: ['a + b  ->  a - b'],
    6: ['this.#note(sum);  ->  (left out)'],
    8: [
      'sum > 3 && isFree(sum)  ->  sum >= 3 && isFree(sum)',
      'sum > 3 && isFree(sum)  ->  sum > 3 || isFree(sum)',
    ],
  });
});

describe('an instrumented text', () => {
  const source = `function run(a, b) {
  let calls = 0;
  const note = () => { calls = calls + 1; };
  if (a < b) return 'below';
  const sum = a + b;
  note();
  return sum + calls;
}
`;
  const mutants = mutantsOf(source, 'typescript').map((mutant, index) => ({
    ...mutant,
    number: index + 1,
  }));

  /** Returns the result of the program while the mutant with number `on` is active; 0 activates none. */
  function runWith(on: number, ...numbers: number[]): unknown {
    const active = mutants.filter(({ number, line }) =>
      number === on ? true : !mutants.some((other) => other.number === on && other.line === line),
    );
    const onePerLine = active.filter(
      ({ line, number }) => active.find((other) => other.line === line)?.number === number,
    );
    const text = instrument(source, onePerLine, (number: number) => `(on === ${number})`);
    return new Function('on', 'numbers', `${text}; return run(...numbers);`)(on, numbers);
  }

  test('does what the source does while no mutant is active', () => {
    expect([runWith(0, 1, 2), runWith(0, 3, 2)]).toEqual(['below', 6]);
  });

  test.each([
    ['a < b  ->  !(a < b)', [3, 2], 'below'],
    ['a < b  ->  a <= b', [2, 2], 'below'],
    ['a + b  ->  a - b', [3, 2], 2],
    ['note();  ->  (left out)', [3, 2], 5],
    ['sum + calls  ->  sum - calls', [3, 2], 4],
  ])('does what the mutant "%s" says while it is on', (what, numbers, expected) => {
    const mutant = mutants.find((each) => each.what === what);
    expect(mutant, mutants.map((each) => each.what).join('\n')).toBeDefined();
    expect(runWith(mutant?.number ?? 0, ...numbers)).toBe(expected);
  });

  test('keeps all other lines', () => {
    const lines = instrument(source, [], () => 'never').split('\n');
    expect(lines).toEqual(source.split('\n'));
  });
});

describe('a sample', () => {
  const mutants = mutantsOf(typescript, 'typescript').map((mutant) => ({
    ...mutant,
    file: 'pick.ts',
  }));

  const chosenOf = (count: number, seed: number) => sample(mutants, count, seed) as Mutant[];

  test('has at most one mutant a line, and the count that was asked for', () => {
    const lines = chosenOf(100, 1).map(({ line }) => line);
    expect(lines.toSorted()).toEqual([4, 5, 6, 8]);
    expect(chosenOf(2, 1)).toHaveLength(2);
  });

  test('is decided by the seed', () => {
    const chosen = (seed: number) => chosenOf(4, seed).map(({ what }) => what);
    expect(chosen(7)).toEqual(chosen(7));
    const all = new Set(Array.from({ length: 20 }, (_, seed) => chosen(seed).join()));
    expect(all.size).toBeGreaterThan(1);
  });
});

describe('an explanation of a mutant', () => {
  const read = (file: string): string | undefined => (file === 'pick.hpp' ? cpp : undefined);
  const stale = (file: string, change: string): string[] =>
    staleExplanations([{ file, change }], read) as string[];

  test('is accepted while its line exists', () => {
    expect(stale('pick.hpp', 'a < b  ->  a <= b')).toEqual([]);
  });

  test('is stale once its file or its line is gone', () => {
    expect(stale('moved.hpp', 'a < b  ->  a <= b')).toEqual([
      'moved.hpp does not exist: a < b  ->  a <= b',
    ]);
    expect(stale('pick.hpp', 'a < c  ->  a <= c')).toEqual([
      'pick.hpp has no such mutant: a < c  ->  a <= c',
    ]);
  });

  test('is not stale in tools/mutants-explained.json', () => {
    const readSource = (path: string): string | undefined => {
      const file = join(repository, path);
      return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
    };
    const explained: unknown = JSON.parse(readSource('tools/mutants-explained.json') ?? '');
    expect(staleExplanations(explained, readSource)).toEqual([]);
  });
});
