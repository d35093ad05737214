// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "program.hpp"

namespace lite_alloc::bench {

inline std::string json_word(Random& random) {
  std::string text = "\"";
  for (std::uint32_t length = 2 + random.below(40); length != 0; --length) {
    text += static_cast<char>('a' + random.below(26));
  }
  return text + '"';
}

/// An array of records with numbers, strings, nested objects and arrays of varying lengths.
inline std::string json_document(Random& random, std::uint32_t records) {
  std::string text = "[";
  for (std::uint32_t record = 0; record < records; ++record) {
    if (record != 0) text += ',';
    text += "{\"id\":" + std::to_string(record) + ",\"name\":" + json_word(random) +
            ",\"active\":" + (random.below(2) == 0 ? "true" : "false") +
            ",\"place\":{\"x\":" + std::to_string(random.below(100'000)) +
            ",\"y\":" + std::to_string(random.below(100'000)) + ",\"label\":" + json_word(random) +
            "},\"tags\":[";
    const std::uint32_t tags = random.below(12);
    for (std::uint32_t tag = 0; tag < tags; ++tag) {
      if (tag != 0) text += ',';
      text += json_word(random);
    }
    text += "]}";
  }
  return text + ']';
}

}  // namespace lite_alloc::bench
