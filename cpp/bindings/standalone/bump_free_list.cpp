// SPDX-License-Identifier: MIT
#include "lite_alloc/heap/bump_free_list.hpp"

#include "standalone.hpp"

template struct lite_alloc::bindings::Standalone<lite_alloc::BumpFreeList>;
