// SPDX-License-Identifier: MIT

#include "lite_alloc/shared/size_classes.hpp"

#include <gtest/gtest.h>

namespace lite_alloc::shared {
namespace {

TEST(SharedSizeClasses, HaveRoomForEverySizeAndWasteAtMostHalf) {
  for (Size size = 1; size <= kMaxSlabBlock; ++size) {
    const Size bytes = bytes_of(class_for(size));
    ASSERT_GE(bytes, size);
    const Size waste = bytes - size;
    ASSERT_LE(waste, std::max<Size>(kGranule - 1, size / (size <= size_classes::kMaxFine ? 3 : 2)));
    ASSERT_TRUE(class_for(size) == 1 || bytes_of(class_for(size) - 1) < size) << size;
  }
}

TEST(SharedSizeClasses, GiveEachSlabAtLeastTwoBlocks) {
  for (Size c = 1; c < kClasses; ++c) {
    const Size last_slab = kSizeClasses[c].pages * kSlabPageBytes - kHeadBytes;
    EXPECT_GE(last_slab / bytes_of(c), 2U) << c;
  }
}

TEST(SharedSizeClasses, TellMultiplesFromOtherNumbers) {
  for (Size c = 1; c < kClasses; ++c) {
    const Size granules = bytes_of(c) / kGranule;
    for (Size number = 0; number < kSegmentBytes / kGranule; ++number) {
      ASSERT_EQ(is_multiple(number, kSizeClasses[c].reciprocal), number % granules == 0)
          << number << " " << granules;
    }
  }
}

}  // namespace
}  // namespace lite_alloc::shared
