// SPDX-License-Identifier: MIT
//
// The functions that JavaScript calls, by name. Emscripten generates the TypeScript types from
// these names and from those of the parameters.

#include <emscripten/bind.h>

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>

#include "default_heap.hpp"
#include "heap_functions.hpp"

// Embind's C++ half, with the only type that these functions use. Emscripten's own file registers
// thirty types, strings and views among them, and links printf for their names: more bytes than all
// heaps. The linker finds the definitions here first and leaves that file out. If embind needed
// more than is here, the linker would take that file too, and fail with a duplicate symbol.

// The internals of embind that this relies on. Where a line fails, this Emscripten has another
// embind: compare with its system/lib/embind/bind.cpp, and see glue/embind.js.
static_assert(std::is_same_v<decltype(emscripten::internal::_embind_register_integer),
                             void(emscripten::internal::TYPEID, const char*, std::size_t,
                                  std::int32_t, std::uint32_t)>);
static_assert(std::is_same_v<decltype(emscripten::internal::_embind_register_bindings),
                             void(emscripten::internal::InitFunc*)>);
static_assert(!emscripten::has_unbound_type_names, "embind would need the names of types");

extern "C" {

/// Embind keeps a list of bindings here for other threads; there are no other threads.
void _embind_register_bindings(emscripten::internal::InitFunc*) {}

/// Returns the name of a type that is not registered. The linker requires it; no code calls it.
const char* __getTypeName(const std::type_info*) { return ""; }

}  // extern "C"

namespace lite_alloc::bindings {

namespace {

/// A function's name and, in parentheses, those of its parameters.
template <std::size_t length>
struct Signature {
  // NOLINTNEXTLINE(google-explicit-constructor): written as a literal.
  consteval Signature(const char (&literal)[length]) { std::ranges::copy(literal, text.begin()); }

  std::array<char, length> text;
};

/// The name under which a function is registered. Emscripten generates the types from the module
/// with all strategies, which therefore keeps the names of parameters. In the other module they
/// would only take bytes.
template <Signature signature>
constexpr auto kName = [] {
  constexpr auto& text = signature.text;
  constexpr auto end = kHasHeaderless ? text.end() - 1 : std::ranges::find(text, '(');
  std::array<char, end - text.begin() + 1> name{};
  std::ranges::copy(text.begin(), end, name.begin());
  return name;
}();

/// Registers a function of numbers: glue/embind.js treats every type as one.
template <Signature signature, typename... Numbers>
void function(Size (*target)(Numbers...) noexcept) {
  static_assert((std::is_same_v<Numbers, Size> && ...));
  emscripten::function(kName<signature>.data(), target);
}

/// `start` of heap_functions.hpp over the module's own memory.
[[nodiscard]] Size start_module(Size strategy, Size secret) noexcept {
  return start({}, strategy, secret);
}

}  // namespace

EMSCRIPTEN_BINDINGS(lite_alloc) {
  emscripten::internal::_embind_register_integer(emscripten::internal::TypeID<Size>::get(),
                                                 "unsigned int", sizeof(Size), 0,
                                                 std::numeric_limits<Size>::max());

  function<"start(strategy, secret)">(&start_module);
#define LITE_ALLOC_REGISTER(name, target, ...) function<#name "(" #__VA_ARGS__ ")">(&(target));
  LITE_ALLOC_MODULE_FUNCTIONS(LITE_ALLOC_REGISTER)
#undef LITE_ALLOC_REGISTER
}

}  // namespace lite_alloc::bindings
