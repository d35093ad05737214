// SPDX-License-Identifier: MIT
#include "module_heap.hpp"

template class lite_alloc::SegregatedFit<lite_alloc::bindings::Memory>;
