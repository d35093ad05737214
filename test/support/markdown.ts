// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './sources.js';

export interface Sample {
  /** `js`, `sh` and so on. */
  readonly language: string;
  readonly code: string;
  /** The heading above the sample. */
  readonly heading: string;
  /** The name of the file, if the first line of the sample is a comment with a file name. */
  readonly file: string | undefined;
}

/** Reads the fenced samples of a document of the repository. */
export function readSamples(path: string): Sample[] {
  const text = readFileSync(join(repository, path), 'utf8');
  let heading = '';
  return [...text.matchAll(/^#+ (.*)$|^( *)```(\w+)\n([\s\S]*?)^ *```$/gm)].flatMap(
    ([, title, indentation = '', language, indented = '']) => {
      heading = title ?? heading;
      const code = indented.replaceAll(new RegExp(`^${indentation}`, 'gm'), '');
      const file = /^(?:\/\/|#) ([\w./-]+\.\w+)$/m.exec(code.split('\n')[0] ?? '')?.[1];
      return language === undefined ? [] : [{ language, code, heading, file }];
    },
  );
}

/** Returns the only sample in a language under a heading of a document; throws unless there is exactly one. */
export function findSample(path: string, heading: string, language: string): Sample {
  const [sample, ...others] = readSamples(path).filter(
    (found) => found.heading === heading && found.language === language,
  );
  if (sample === undefined || others.length > 0) {
    throw new Error(`${path} has ${others.length} ${language} samples under '${heading}'`);
  }
  return sample;
}
