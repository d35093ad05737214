// SPDX-License-Identifier: MIT
//
// Compares the hand-written types of the module with those that Emscripten generates.

import { expectTypeOf, test } from 'vitest';
import type { MainModule } from '../../build/wasm-release/cpp/bindings/types/lite-alloc.d.ts';
import type { ModuleFunctions } from '../../js/src/module/heap-functions.js';

test('every function of the module is declared, and every declared function exists', () => {
  expectTypeOf<keyof ModuleFunctions>().toEqualTypeOf<keyof MainModule>();
});

test('every function has the generated parameters and result', () => {
  type Flat<T> = { [Name in keyof T]: T[Name] };
  expectTypeOf<Flat<ModuleFunctions>>().toEqualTypeOf<Flat<MainModule>>();
});
