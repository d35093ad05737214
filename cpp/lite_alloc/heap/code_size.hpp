// SPDX-License-Identifier: MIT
#pragma once

/// \file Attributes for functions whose code must be small, or fast.

/// A function of two or three instructions with many callers. A build for size does not inline it:
/// all those calls together take 150 bytes less than the inlined copies.
#ifdef __OPTIMIZE_SIZE__
#define LITE_ALLOC_SHORT_CODE [[gnu::noinline]]
#else
#define LITE_ALLOC_SHORT_CODE
#endif

/// 1 iff a source file has room for code that makes calls faster: functions that are inlined, short
/// cuts, tables. A build for speed has room, unless the file defines this before it includes a
/// heap. Files with and without room may share a heap, since both do the same to its memory.
#ifndef LITE_ALLOC_HAS_ROOM
#ifdef __OPTIMIZE_SIZE__
#define LITE_ALLOC_HAS_ROOM 0
#else
#define LITE_ALLOC_HAS_ROOM 1
#endif
#endif

/// A function that many calls reach. It is inlined where there is room, since a call of a function
/// in wasm takes as long as some of these functions. Elsewhere the compiler decides.
#if LITE_ALLOC_HAS_ROOM
#define LITE_ALLOC_HOT_CODE inline __attribute__((always_inline))
#else
#define LITE_ALLOC_HOT_CODE inline
#endif

/// A long function that many calls reach. Where there is no room, not even a build for speed
/// inlines it.
#if LITE_ALLOC_HAS_ROOM || defined(__OPTIMIZE_SIZE__)
#define LITE_ALLOC_LONG_HOT_CODE LITE_ALLOC_HOT_CODE
#else
#define LITE_ALLOC_LONG_HOT_CODE inline __attribute__((noinline))
#endif

/// A function that the calls of a heap seldom reach. A source file that is compiled for speed may
/// define this before it includes a heap, so that such functions are compiled in another file, for
/// size.
#ifndef LITE_ALLOC_RARE_CODE
#define LITE_ALLOC_RARE_CODE
#endif
