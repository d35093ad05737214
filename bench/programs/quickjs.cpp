// SPDX-License-Identifier: MIT
//
// QuickJS runs a script.

#include <cstring>

#include "javascript.hpp"
#include "program.hpp"

extern "C" {
#include "quickjs.h"
}

namespace bench = lite_alloc::bench;

std::uint32_t run_program(std::uint32_t scale) {
  JSRuntime* const runtime = JS_NewRuntime();
  bench::require(runtime != nullptr);
  JS_SetMaxStackSize(runtime,
                     0);  // no limit: without optimisation, frames are larger than it expects
  JSContext* const context = JS_NewContext(runtime);
  bench::require(context != nullptr);
  JSValue global = JS_GetGlobalObject(context);
  JS_SetPropertyStr(context, global, "scale", JS_NewUint32(context, scale));
  JS_FreeValue(context, global);
  JSValue result = JS_Eval(context, bench::kJavaScript, std::strlen(bench::kJavaScript), "script",
                           JS_EVAL_TYPE_GLOBAL);
  std::uint32_t sum = 0;
  bench::require(!JS_IsException(result) && JS_ToUint32(context, &sum, result) == 0);
  JS_FreeValue(context, result);
  JS_FreeContext(context);
  JS_FreeRuntime(runtime);
  return sum;
}
