// SPDX-License-Identifier: MIT
/// <reference lib="esnext.disposable" preserve="true" />

/**
 * `Symbol.dispose`. A platform without that symbol has no `using` either; compilers that translate `using`
 * look for the symbol of this name in the global registry.
 */
export const disposeSymbol: typeof Symbol.dispose =
  Symbol.dispose ?? (Symbol.for('Symbol.dispose') as typeof Symbol.dispose);
