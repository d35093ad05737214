// SPDX-License-Identifier: MIT
//
// Compiles the headers in a native program with warnings that the presets of this project do not enable.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repository } from '../support/sources.js';

const program = `
#include "lite_alloc/lite_alloc.hpp"
#include "lite_alloc/memory/host_memory.hpp"
#include <vector>
using namespace lite_alloc;
template <typename Heap>
unsigned use(Heap& heap) {
  const auto block = heap.reallocate(heap.allocate({.size = 40}), {.size = 40}, 400);
  heap.deallocate(block, {.size = 400});
  MemoryResource resource(heap);
  StandardAllocator<int, Heap> allocator(heap);
  { std::vector<int, decltype(allocator)> numbers({1, 2}, allocator); }
  static_cast<void>(heap.walk());
  static_cast<void>(heap.find_corruption());
  heap.reset();
  return heap.statistics().live_blocks;
}
static std::byte memory[65536];
int main() {
  SegregatedFit<HostMemory> fit;
  fit.free(fit.realloc(fit.malloc(3), 5000));
  FreeList<HostMemory> list;
  BumpFreeList<HostMemory> bump;
  SegregatedBump<HostMemory> segregated;
  SegregatedFit<FixedRegion, NoTracking> untracked(memory, Size{sizeof memory});
  untracked.free(untracked.memalign(64, 10));
  return static_cast<int>(use(fit) + use(list) + use(bump) + use(segregated));
}
`;

const common = ['-std=c++20', '-Wall', '-Wextra', '-Wconversion', '-Wsign-conversion', '-Werror'];

test.for([
  { compiler: 'g++', warnings: ['-Wuseless-cast'] },
  { compiler: 'clang++', warnings: ['-Wshorten-64-to-32'] },
])(
  'the headers compile without a warning of $compiler',
  { timeout: 60_000 },
  ({ compiler, warnings }, { skip }) => {
    const options = [...common, ...warnings, `-I${join(repository, 'cpp')}`, '-fsyntax-only'];
    const { error, status, stderr } = spawnSync(compiler, [...options, '-x', 'c++', '-'], {
      input: program,
      encoding: 'utf8',
    });
    skip(error !== undefined, `${compiler} is not installed`);
    expect(stderr).toBe('');
    expect(status).toBe(0);
  },
);
