// SPDX-License-Identifier: MIT
//
// yyjson parses documents of many sizes into one large block each, copies them into mutable ones,
// and prints those.

#include "yyjson.h"

#include <string>
#include <vector>

#include "json_document.hpp"
#include "program.hpp"

namespace bench = lite_alloc::bench;

namespace {

void change(yyjson_mut_doc* document, bench::Random& random) {
  std::size_t index = 0;
  std::size_t count = 0;
  yyjson_mut_val* record = nullptr;
  yyjson_mut_arr_foreach(yyjson_mut_doc_get_root(document), index, count, record) {
    if (random.below(3) == 0) yyjson_mut_obj_remove_key(record, "tags");
    yyjson_mut_obj_add_strcpy(document, record, "note", bench::json_word(random).c_str());
  }
}

}  // namespace

std::uint32_t run_program(std::uint32_t scale) {
  bench::Random random;
  bench::Checksum sum;
  std::vector<std::string> documents;
  for (const std::uint32_t records : {3, 10, 30, 100, 300, 1000}) {
    documents.push_back(bench::json_document(random, records));
  }
  for (; scale != 0; --scale) {
    const std::string& text = documents[random.below(static_cast<std::uint32_t>(documents.size()))];
    yyjson_doc* const read = yyjson_read(text.data(), text.size(), YYJSON_READ_NOFLAG);
    bench::require(read != nullptr);
    yyjson_mut_doc* const document = yyjson_doc_mut_copy(read, nullptr);
    yyjson_doc_free(read);
    change(document, random);
    std::size_t length = 0;
    char* const written = yyjson_mut_write(document, YYJSON_WRITE_NOFLAG, &length);
    bench::require(written != nullptr);
    sum.add(written, length);
    std::free(written);
    yyjson_mut_doc_free(document);
  }
  return sum.value();
}
