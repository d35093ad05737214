// SPDX-License-Identifier: MIT
#pragma once

/// The values that C++ and JavaScript exchange as numbers. Each list calls `X(number, name)` for
/// its values. heap_functions.cpp asserts the numbers; test/architecture/shared-values.test.ts
/// reads these lists and compares them with the JavaScript side.

/// The strategies, by the name of the class template; JavaScript has them in `strategies`.
#define LITE_ALLOC_STRATEGIES(X) \
  X(0, BumpFreeList)             \
  X(1, SegregatedBump)           \
  X(2, FreeList)                 \
  X(3, SegregatedFit)

/// The enumerators of `FreeResult`.
#define LITE_ALLOC_FREE_RESULTS(X) \
  X(0, kFreed)                     \
  X(1, kNotABlock)                 \
  X(2, kAlreadyFree)

/// The enumerators of `Corruption::Kind`; JavaScript has a message for each but the first.
#define LITE_ALLOC_CORRUPTION_KINDS(X) \
  X(0, kNone)                          \
  X(1, kFreeListOutsideHeap)           \
  X(2, kFreeListOverlap)               \
  X(3, kCountersDisagree)              \
  X(4, kHeaderOverwritten)             \
  X(5, kRegionOverwritten)             \
  X(6, kSpareListOverwritten)          \
  X(7, kSlabMapOverwritten)

/// The enumerators of `Extent::State`.
#define LITE_ALLOC_EXTENT_STATES(X) \
  X(0, kUsed)                       \
  X(1, kFree)
