// SPDX-License-Identifier: MIT
#include "lite_alloc/heap/free_list.hpp"

#include "standalone.hpp"

template struct lite_alloc::bindings::Standalone<lite_alloc::FreeList>;
