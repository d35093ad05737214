// SPDX-License-Identifier: MIT
//
// The peers: the allocators that the benches compare. The module of a peer, in this folder, has
//
//   open(options)  a fresh allocator, as an object (or a promise of one) with some of
//                    malloc(size), free(address), realloc(address, size): addresses
//                    array(Type, length), view(handle), resize(handle, length) -> handle, release(handle)
//                    store(text) -> handle, read(handle), forget(handle): strings in UTF-8
//                    frame(work): calls work(allocate), and frees all that allocate(Type, length) gave
//                    memoryBytes(): the size of its memory
//                  which all throw if memory is exhausted;
//   cannot         why a part of these is missing: a sentence by `addresses`, `realloc`, `growth`, ...;
//   ships          what a page loads for it: { script, wasm }, paths below the repository's root, a script
//                  being bundled and minified first.

const emscripten = ['dlmalloc', 'emmalloc', 'mimalloc'];
const strategies = ['segregated-fit', 'segregated-bump', 'free-list', 'bump-free-list'];

/** A `rival` is another project's, `own` is this package's; the `floor` allocates nothing. */
export const peers = [
  { name: 'engine', kind: 'rival', module: 'engine' },
  ...emscripten.map((name) => ({ name, kind: 'rival', module: 'emscripten', options: { name } })),
  { name: '@thi.ng/malloc', kind: 'rival', module: 'thing', package: '@thi.ng/malloc' },
  {
    name: 'AssemblyScript heap',
    kind: 'rival',
    module: 'assemblyscript',
    package: 'assemblyscript',
  },
  {
    name: 'AssemblyScript GC',
    kind: 'rival',
    module: 'assemblyscript-gc',
    package: 'assemblyscript',
  },
  { name: 'sqlite-wasm', kind: 'rival', module: 'sqlite', package: '@sqlite.org/sqlite-wasm' },
  ...strategies.map((strategy) => ({
    name: strategy,
    kind: 'own',
    module: 'lite-alloc',
    options: { strategy },
  })),
  ...strategies.map((strategy) => ({
    name: `${strategy}, debug`,
    kind: 'own',
    module: 'lite-alloc',
    options: { strategy, debug: true },
  })),
  { name: 'empty calls', kind: 'floor', module: 'empty-calls' },
];

/** The default strategy. */
export const defaultPeer = 'segregated-fit';

/** The peer that ratios are relative to. */
export const referencePeer = 'dlmalloc';
