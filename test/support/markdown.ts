// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './sources.js';

export interface Sample {
  /** `js`, `sh` and so on. */
  readonly language: string;
  readonly code: string;
  /** The heading that it stands under. */
  readonly heading: string;
  /** Of the file that the sample is, where its first line is a comment with a name. */
  readonly file: string | undefined;
}

/** The fenced samples of a document of the repository. */
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

/** The one sample under a heading, in a language, of a document. */
export function findSample(path: string, heading: string, language: string): Sample {
  const [sample, ...others] = readSamples(path).filter(
    (found) => found.heading === heading && found.language === language,
  );
  if (sample === undefined || others.length > 0) {
    throw new Error(`${path} has ${others.length} ${language} samples under '${heading}'`);
  }
  return sample;
}
