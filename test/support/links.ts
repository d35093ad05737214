// SPDX-License-Identifier: MIT

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findAll } from './sources.js';

/** The relative links and images of a document below `root` whose file or heading does not exist. */
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

/** Paths that are outputs of a build or of a command, or patterns for one. */
const outputs = /^(dist|build|node_modules|docs\/api|\.toolchain)(\/|$)|NAME|\/fuzz\/failures/;

/**
 * The paths in the inline code of a document that exist neither below `root` nor below the folder of the
 * document or its `src`. A path is one that ends with a slash, or begins with the name of a folder there.
 */
export function findMissingPaths(root: string, document: string): string[] {
  const text = readFileSync(join(root, document), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
  const folder = join(root, dirname(document));
  const bases = [root, folder, join(folder, 'src')];
  const exists = (path: string): boolean => bases.some((base) => existsSync(join(base, path)));
  return findAll(text, /`([\w.-]+(?:\/[\w.-]*)+)`/g)
    .filter((path) => !outputs.test(path))
    .filter((path) => path.endsWith('/') || exists(path.split('/')[0] ?? ''))
    .filter((path) => !exists(path));
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
