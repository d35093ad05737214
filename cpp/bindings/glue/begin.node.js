// SPDX-License-Identifier: MIT
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
const { dirname: __dirname, filename: __filename } = import.meta;
