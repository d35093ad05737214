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

// Embind's C++ half. Emscripten's own file registers thirty types, strings and views among them,
// and links printf for their names: more bytes than all heaps. The linker finds the definitions
// here first and leaves that file out. If embind needed more than is here, the linker would take
// that file too, and fail with a duplicate symbol.
//
// Only the module for types, which is compiled with LITE_ALLOC_TYPES, is registered as embind does
// it: with the types of parameters, with their names, and with invokers. In the other modules all
// that would only take bytes, since glue/embind.js treats every type as a number and calls the
// functions themselves.

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

#ifdef LITE_ALLOC_TYPES

template <Signature signature>
constexpr auto kText = signature.text;

/// Registers a function of numbers.
template <Signature signature, typename... Numbers>
void function(Size (*target)(Numbers...) noexcept) {
  emscripten::function(kText<signature>.data(), target);
}

#else

/// The name of a function, without those of its parameters.
template <Signature signature>
constexpr auto kName = [] {
  constexpr auto& text = signature.text;
  constexpr auto end = std::ranges::find(text, '(');
  std::array<char, end - text.begin() + 1> name{};
  std::ranges::copy(text.begin(), end, name.begin());
  return name;
}();

/// Passes on to embind what glue/embind.js reads. Not inlined, since the zeros would take more code
/// than the calls.
[[gnu::noinline]] void register_function(const char* name,
                                         emscripten::internal::GenericFunction target) {
  emscripten::internal::_embind_register_function(name, 0, nullptr, nullptr, nullptr, target, false,
                                                  false);
}

/// Registers a function of numbers, without its types and without an invoker: the glue takes it
/// from the table.
template <Signature signature, typename... Numbers>
void function(Size (*target)(Numbers...) noexcept) {
  static_assert((std::is_same_v<Numbers, Size> && ...));
  register_function(kName<signature>.data(),
                    reinterpret_cast<emscripten::internal::GenericFunction>(target));
}

#endif

/// `start` of heap_functions.hpp over the module's own memory.
[[nodiscard]] Size start_module(Size strategy, Size secret) noexcept {
  return start({}, strategy, secret);
}

/// Registers all functions, when the module starts.
[[gnu::constructor]] void register_functions() {
#ifdef LITE_ALLOC_TYPES
  emscripten::internal::_embind_register_integer(emscripten::internal::TypeID<Size>::get(),
                                                 "unsigned int", sizeof(Size), 0,
                                                 std::numeric_limits<Size>::max());
#endif
  function<"start(strategy, secret)">(&start_module);
#define LITE_ALLOC_REGISTER(name, target, ...) function<#name "(" #__VA_ARGS__ ")">(&(target));
  LITE_ALLOC_MODULE_FUNCTIONS(LITE_ALLOC_REGISTER)
#undef LITE_ALLOC_REGISTER
}

}  // namespace

}  // namespace lite_alloc::bindings
