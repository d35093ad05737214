// SPDX-License-Identifier: MIT
//
// Why a peer is ahead: a sentence for each figure in which one is known to be. A loss without a sentence here is
// reported as one whose cause is not known.

export const unknownCause = 'The cause is not known.';

const smallPrograms =
  'A heap starts with 256 KiB, and this program holds 5 KB; the option `initialBytes` lowers the start to 64 KiB.';
const checksOfCalls =
  'Each call checks its arguments, and each free checks that its address is an allocated block.';
const largeBlocks =
  'A large block is joined with its neighbours when it is freed, and cut from them by the next call.';
const handles =
  'The peers use bare typed arrays. A handle also records its block, so that a use after the free throws.';
const search =
  'The heap searches for a free block of similar size among large blocks of mixed sizes, and touches their metadata.';
const pinned = 'A small block that survives keeps its slab of 4 KiB from blocks of other sizes.';

/**
 * For each table that is compared: what its figures are, and the causes, as the columns that each explains and a
 * sentence. The first that matches counts.
 *
 * @type {Record<string, { title: string, causes: [RegExp, string][] }>}
 */
const causes = {
  'addresses from JavaScript': {
    title: 'Time of raw calls',
    causes: [
      [/^pair (1 KiB|64 KiB)$/, `${largeBlocks} ${checksOfCalls}`],
      [/^(pair|batch|replace)/, checksOfCalls],
      [
        /^64 KiB to 256 MiB$/,
        'Memory grows in smaller steps, of a sixteenth, so it grows more often.',
      ],
    ],
  },
  'typed arrays, strings, scopes': {
    title: 'Time of handles',
    causes: [
      [/^view/, 'Each access checks that the block is alive and that memory has not grown.'],
      [/^scope/, 'A scope records each of its arrays, and frees them one by one.'],
      [/^(array \d|frames|meshes)/, handles],
      [
        /^strings/,
        'Each string is a handle, too, and one that is not ASCII is resized when it is stored.',
      ],
    ],
  },
  'memory over live bytes': {
    title: 'Memory of a program that holds a few kilobytes',
    causes: [[/^cfrac$/, smallPrograms]],
  },
  'memory over live bytes, repeated': {
    title: 'Memory of a program that holds a few kilobytes',
    causes: [[/^cfrac$/, smallPrograms]],
  },
  "the engine's heap": {
    title: 'JavaScript memory of a live handle',
    causes: [[/./, 'A handle remembers its heap, its block and its view.']],
  },
  'garbage collections in 10 000 frames': { title: 'Garbage of handles', causes: [[/./, handles]] },
  'from import to the first array': {
    title: 'Time from import to the first array',
    causes: [[/./, 'The engine has to read and compile the wasm first.']],
  },
  'size of what a page loads': {
    title: 'Bytes that a page loads',
    causes: [
      [
        /./,
        'Handles, scopes, checks and error messages are code that a bare allocator does not have.',
      ],
    ],
  },
  'in wasm': {
    title: 'Time of calls inside wasm',
    causes: [[/^(buffers|frames)$/, search]],
  },
  'in wasm, baseline compiler': {
    title: 'Time inside wasm without the optimising compiler',
    causes: [[/^(buffers|frames)$/, search]],
  },
  'in wasm, first pass': {
    title: 'Time of the first pass inside wasm',
    causes: [],
  },
  'in wasm, more workloads': {
    title: 'Time of large pairs, growing blocks and queues inside wasm',
    causes: [
      [/^pair (1 KiB|64 KiB)$/, largeBlocks],
      [/^queue (1 KiB|16 KiB)$/, search],
    ],
  },
  'in wasm, phases': {
    title: 'Memory after phases of shifting sizes',
    causes: [[/./, pinned]],
  },
  'in wasm, memory grown': { title: 'Memory grown inside wasm', causes: [] },
  'in wasm, live blocks': { title: 'Time among many live blocks inside wasm', causes: [] },
  'in wasm, 256 hot blocks': { title: 'Time of few hot blocks among many inside wasm', causes: [] },
  'in wasm, free blocks': { title: 'Time beside many free blocks inside wasm', causes: [] },
  'in wasm, worst operation': {
    title: 'Time of the worst single call inside wasm',
    causes: [
      [
        /./,
        'The longest calls cut a slab of 4 KiB into blocks, or return unused slabs before memory grows.',
      ],
    ],
  },
  'in wasm, code': {
    title: 'Code of `malloc` in a C program',
    causes: [[/./, 'Small blocks have an allocator of their own, which emmalloc does without.']],
  },
  'whole programs': { title: 'Time of whole programs', causes: [] },
};

/** The title of the figures that a loss is about. */
export function titleOf(where) {
  if (causes[where] === undefined) throw new Error(`causes.mjs has no entry '${where}'`);
  return causes[where].title;
}

/** Why the peer is ahead, or that nobody knows. */
export function causeOf({ where, column }) {
  const found = causes[where]?.causes.find(([columns]) => columns.test(column));
  return found?.[1] ?? unknownCause;
}
