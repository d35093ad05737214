// SPDX-License-Identifier: MIT
//
// What a call through embind costs when it does nothing, for comparison with one that allocates.

#include <emscripten/bind.h>

#include "lite_alloc/core/layout.hpp"

namespace {

lite_alloc::Size empty(lite_alloc::Size argument) { return argument; }

}  // namespace

EMSCRIPTEN_BINDINGS(lite_alloc_bench) { emscripten::function("empty", &empty); }
