// SPDX-License-Identifier: MIT
//
// Tree-sitter parses a script into a syntax tree, then again after each of several edits, and walks
// the trees.

#include <tree_sitter/api.h>

#include <cstring>
#include <string>

#include "program.hpp"

extern "C" {
const TSLanguage* tree_sitter_javascript();
}

namespace {

using lite_alloc::bench::Checksum;
using lite_alloc::bench::Random;
using lite_alloc::bench::require;

constexpr const char* kParts[] = {
    "function visit(node, depth) {\n  if (node === null) return depth;\n"
    "  return visit(node.left, depth + 1) + visit(node.right, depth + 1);\n}\n",
    "export class Queue extends Base {\n  #items = [];\n  async push(item) { "
    "this.#items.push(await "
    "item); }\n  get size() { return this.#items.length; }\n}\n",
    "const total = list.filter(({ amount }) => amount > 3).map((x) => x.amount * 2 ** 3)\n"
    "  .reduce((a, b) => a + b, 0);\n",
    "for (const [key, value] of Object.entries(table)) {\n  switch (key) {\n    case 'a': "
    "run(`${value} "
    "of ${key}`); break;\n    default: throw new Error(/[a-z]+$/.exec(key)?.[0] ?? 'none');\n  "
    "}\n}\n",
    "let options = { name: 'x', list: [1, 2, { deep: true }], f() { return this.name; }, ...rest "
    "};\n",
};

std::string script(Random& random, std::uint32_t parts) {
  std::string text;
  for (; parts != 0; --parts) text += kParts[random.below(sizeof kParts / sizeof *kParts)];
  return text;
}

void add_nodes(const TSTree* tree, Checksum& sum) {
  TSTreeCursor cursor = ts_tree_cursor_new(ts_tree_root_node(tree));
  for (bool more = true; more;) {
    const TSNode node = ts_tree_cursor_current_node(&cursor);
    sum.add(ts_node_symbol(node) * 65'536U + ts_node_start_byte(node));
    if (ts_tree_cursor_goto_first_child(&cursor)) continue;
    while (!ts_tree_cursor_goto_next_sibling(&cursor)) {
      more = ts_tree_cursor_goto_parent(&cursor);
      if (!more) break;
    }
  }
  ts_tree_cursor_delete(&cursor);
}

/// Removes a character and reports the edit to the tree; its rows and columns do not matter here.
void edit(std::string& text, TSTree* tree, std::uint32_t at) {
  text.erase(at, 1);
  const TSInputEdit change = {.start_byte = at,
                              .old_end_byte = at + 1,
                              .new_end_byte = at,
                              .start_point = {.row = 0, .column = at},
                              .old_end_point = {.row = 0, .column = at + 1},
                              .new_end_point = {.row = 0, .column = at}};
  ts_tree_edit(tree, &change);
}

}  // namespace

std::uint32_t run_program(std::uint32_t scale) {
  Random random;
  Checksum sum;
  TSParser* const parser = ts_parser_new();
  require(ts_parser_set_language(parser, tree_sitter_javascript()));
  for (; scale != 0; --scale) {
    std::string text = script(random, 100 + random.below(400));
    TSTree* tree = ts_parser_parse_string(parser, nullptr, text.data(),
                                          static_cast<std::uint32_t>(text.size()));
    for (int edits = 0; edits < 4; ++edits) {
      require(tree != nullptr);
      edit(text, tree, random.below(static_cast<std::uint32_t>(text.size() - 1)));
      TSTree* const next = ts_parser_parse_string(parser, tree, text.data(),
                                                  static_cast<std::uint32_t>(text.size()));
      ts_tree_delete(tree);
      tree = next;
    }
    require(tree != nullptr);
    add_nodes(tree, sum);
    ts_tree_delete(tree);
  }
  ts_parser_delete(parser);
  return sum.value();
}
