// SPDX-License-Identifier: MIT
//
// cJSON parses a document into a tree of single blocks, changes the tree and prints it.

#include <cstring>
#include <string>

#include "json_document.hpp"
#include "program.hpp"

extern "C" {
#include "cJSON.h"
}

namespace bench = lite_alloc::bench;

std::uint32_t run_program(std::uint32_t scale) {
  bench::Random random;
  bench::Checksum sum;
  const std::string document = bench::json_document(random, 1500);
  for (; scale != 0; --scale) {
    cJSON* const root = cJSON_ParseWithLength(document.data(), document.size());
    bench::require(root != nullptr);
    cJSON* record = nullptr;
    cJSON_ArrayForEach(record, root) {
      if (random.below(3) == 0) cJSON_DeleteItemFromObject(record, "tags");
      if (random.below(3) == 0) cJSON_AddStringToObject(record, "note", "changed");
      cJSON_ReplaceItemInObject(record, "id", cJSON_CreateNumber(random.below(1'000'000)));
    }
    cJSON* const copy = cJSON_Duplicate(root, 1);
    cJSON_Delete(root);
    char* const text = cJSON_PrintUnformatted(copy);
    bench::require(text != nullptr);
    sum.add(text, std::strlen(text));
    cJSON_free(text);
    cJSON_Delete(copy);
  }
  return sum.value();
}
