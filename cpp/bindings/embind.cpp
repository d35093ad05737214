// SPDX-License-Identifier: MIT
//
// What JavaScript calls, by name. The names and argument names also make the generated types.

#include <emscripten/bind.h>

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>

#include "default_heap.hpp"
#include "heap_functions.hpp"

// Embind's own part, with the one type that crosses here. The file of that purpose in Emscripten's
// library registers thirty, strings and views among them, and brings printf for their names: more
// bytes than all heaps. The linker finds these definitions first and leaves that file out. Were it
// to need both, because embind asks for more than is here, it would fail with a duplicate symbol.

// What is leaned on. Where a line fails, this Emscripten has another embind: compare with its
// system/lib/embind/bind.cpp, and see glue/embind.js.
static_assert(std::is_same_v<decltype(emscripten::internal::_embind_register_integer),
                             void(emscripten::internal::TYPEID, const char*, std::size_t,
                                  std::int32_t, std::uint32_t)>);
static_assert(std::is_same_v<decltype(emscripten::internal::_embind_register_bindings),
                             void(emscripten::internal::InitFunc*)>);
static_assert(!emscripten::has_unbound_type_names, "the names of types would be asked for");

extern "C" {

/// Keeps a list of bindings for other threads, which there are none of.
void _embind_register_bindings(emscripten::internal::InitFunc*) {}

/// Names a type that is not registered: the linker asks for it, nobody calls it.
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

/// The generated types name parameters, and are made of the module with all strategies. In the
/// other such names would only be bytes.
template <Signature signature>
constexpr auto kName = [] {
  constexpr auto& text = signature.text;
  constexpr auto end = kHasOthers ? text.end() - 1 : std::ranges::find(text, '(');
  std::array<char, end - text.begin() + 1> name{};
  std::ranges::copy(text.begin(), end, name.begin());
  return name;
}();

/// Registers a function of numbers: the half in JavaScript takes every type for one.
template <Signature signature, typename... Numbers>
void function(Size (*target)(Numbers...) noexcept) {
  static_assert((std::is_same_v<Numbers, Size> && ...));
  emscripten::function(kName<signature>.data(), target);
}

}  // namespace

EMSCRIPTEN_BINDINGS(lite_alloc) {
  emscripten::internal::_embind_register_integer(emscripten::internal::TypeID<Size>::get(),
                                                 "unsigned int", sizeof(Size), 0,
                                                 std::numeric_limits<Size>::max());

  function<"start(strategy, secret)">(&start);
  function<"malloc(size)">(&malloc);
  function<"zeroed(size)">(&zeroed);
  function<"memalign(alignment, size)">(&memalign);
  function<"realloc(address, size)">(&realloc);
  function<"free(address)">(&free);
  function<"usableSize(address)">(&usable_size);
  function<"reset()">(&reset);

  function<"allocate(size, alignment)">(&allocate);
  function<"deallocate(address, size, alignment)">(&deallocate);
  function<"reallocate(address, oldSize, newSize, alignment)">(&reallocate);
  function<"mayBeSizedBlock(address, size, alignment)">(&may_be_sized_block);

  function<"report()">(&report);
  function<"check()">(&check);
  function<"walkStart()">(&walk_start);
  function<"walkNext()">(&walk_next);
}

}  // namespace lite_alloc::bindings
