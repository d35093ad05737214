// SPDX-License-Identifier: MIT
//
// The values that cross the border between C++ and JavaScript as numbers. The C++ side asserts that its
// enumerators have the numbers of shared_values.hpp; here the JavaScript side is compared with those lists.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { strategies } from 'lite-alloc';
import { describe, expect, test } from 'vitest';
import { findAll, listSources, repository } from '../support/sources.js';

const lists = readFileSync(join(repository, 'cpp/bindings/shared_values.hpp'), 'utf8');

/** The names of a list in the order of their numbers. */
function namesIn(list: string): string[] {
  const body =
    new RegExp(`#define LITE_ALLOC_${list}\\(X\\)((?:[^\\n]*\\\\\\n)*[^\\n]*)`).exec(lists)?.[1] ??
    '';
  const values = [...body.matchAll(/X\((\d+), (\w+)\)/g)].map(([, number, name]) => ({
    number: Number(number),
    name: name ?? '',
  }));
  expect(values.map(({ number }) => number)).toEqual(values.map((_, index) => index));
  return values.map(({ name }) => name);
}

/** Finds the only place in the JavaScript sources that matches, and returns what its group holds. */
function findInSources(pattern: RegExp): string {
  const found = listSources('js/src', ['.ts']).flatMap(({ text }) => findAll(text, pattern));
  expect(found, String(pattern)).toHaveLength(1);
  return found[0] ?? '';
}

describe('C++ and JavaScript have the same numbers for', () => {
  test('the strategies', () => {
    const kebabCase = (name: string): string =>
      name.replaceAll(/(?<!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
    expect(namesIn('STRATEGIES').map(kebabCase)).toEqual([...strategies]);
  });

  test('the results of a free', () => {
    const results = namesIn('FREE_RESULTS');
    expect(results.indexOf('kFreed')).toBe(Number(findInSources(/\bfreedResult = (\d+);/g)));
    expect(results.indexOf('kAlreadyFree')).toBe(
      Number(findInSources(/\balreadyFreeResult = (\d+);/g)),
    );
    expect(results).toEqual(['kFreed', 'kNotABlock', 'kAlreadyFree']);
  });

  test('the kinds of corruption, which JavaScript has messages for', () => {
    const messages = findAll(findInSources(/\bcorruptions = \[([^\]]*)\]/g), /'([^']*)'/g);
    const words: Record<string, RegExp> = {
      kFreeListOutsideHeap: /free list/,
      kFreeListOverlap: /share bytes/,
      kCountersDisagree: /counters/,
      kHeaderOverwritten: /header of a block/,
      kRegionOverwritten: /start of a region/,
      kSpareListOverwritten: /spare slabs/,
      kSlabMapOverwritten: /map of slabs/,
    };
    const [none, ...kinds] = namesIn('CORRUPTION_KINDS');
    expect(none).toBe('kNone');
    expect(kinds).toEqual(Object.keys(words));
    expect(messages).toHaveLength(kinds.length);
    kinds.forEach((kind, index) => {
      expect(messages[index]).toMatch(words[kind] ?? '');
    });
  });

  test('the states of a block', () => {
    const states = namesIn('EXTENT_STATES');
    const zero = findInSources(/getUint8\(record \+ 8\) === 0 \? ('used' : 'free')/g);
    expect(zero).toBe("'used' : 'free'");
    expect(states).toEqual(['kUsed', 'kFree']);
  });
});
