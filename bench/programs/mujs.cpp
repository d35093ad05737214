// SPDX-License-Identifier: MIT
//
// MuJS runs a script. It keeps the syntax tree of the script and the properties of each object in
// trees of single blocks.

#include "javascript.hpp"
#include "program.hpp"

extern "C" {
#include "mujs.h"
}

namespace bench = lite_alloc::bench;

std::uint32_t run_program(std::uint32_t scale) {
  js_State* const state = js_newstate(nullptr, nullptr, 0);
  bench::require(state != nullptr);
  js_pushnumber(state, scale);
  js_setglobal(state, "scale");
  bench::require(js_ploadstring(state, "script", bench::kJavaScript) == 0);
  js_pushundefined(state);
  bench::require(js_pcall(state, 0) == 0);
  const auto sum = static_cast<std::uint32_t>(js_tonumber(state, -1));
  js_freestate(state);
  return sum;
}
