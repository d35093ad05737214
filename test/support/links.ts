// SPDX-License-Identifier: MIT

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findAll } from './sources.js';

/** The relative links and pictures of a document below `root` whose file or heading does not exist. */
export function findBrokenLinks(root: string, document: string): string[] {
  const links = findAll(readFileSync(join(root, document), 'utf8'), /\]\(([^)\s]+)\)/g);
  return links
    .filter((link) => !/^https?:/.test(link))
    .filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? document : join(dirname(document), path);
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !findAnchors(join(root, target)).includes(anchor);
    });
}

/** The anchors that GitHub makes of the headings of a document. */
function findAnchors(file: string): string[] {
  return findAll(readFileSync(file, 'utf8'), /^#+ (.*)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}
