// SPDX-License-Identifier: MIT
//
// Runs before each test file in a browser. The package is loaded first, as the browser is. Then an engine that lacks
// `Symbol.dispose` gets it for the tests, which call methods of this name; compiled `using` takes the same symbol.

import 'lite-alloc';

const symbols = Symbol as { dispose?: symbol };
symbols.dispose ??= Symbol.for('Symbol.dispose');
