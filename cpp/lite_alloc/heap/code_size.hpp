// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Attributes that say what a function's code is to be: small, or quick.

/// A function of two or three instructions with many callers. A build for size keeps it out of
/// line, since all those calls together are 150 bytes shorter than as many copies.
#ifdef __OPTIMIZE_SIZE__
#define LITE_ALLOC_SHORT_CODE [[gnu::noinline]]
#else
#define LITE_ALLOC_SHORT_CODE
#endif

/// A function that the calls of a heap seldom reach. A source file that is compiled for speed may
/// define this before it includes a heap, so that such functions are compiled in another file, for
/// size.
#ifndef LITE_ALLOC_RARE_CODE
#define LITE_ALLOC_RARE_CODE
#endif
