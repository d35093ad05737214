// SPDX-License-Identifier: MIT
//
// Functions that do nothing. Their time is that of a call through embind, to compare with a call
// that allocates.

#include <emscripten/bind.h>

#include "lite_alloc/core/layout.hpp"

namespace {

lite_alloc::Size empty(lite_alloc::Size argument) { return argument; }

}  // namespace

EMSCRIPTEN_BINDINGS(lite_alloc_bench) { emscripten::function("empty", &empty); }
