// SPDX-License-Identifier: MIT
//
// Finds mutants: small changes to source lines that a test should notice. A campaign compiles all of its
// mutants into one program, each behind a switch, so that it costs one build: `a < b` becomes
// `mutant(7) ? (a <= b) : (a < b)`. The mutation tools in the package registries do not know C++ and cannot
// take a sample, so the project has its own.
//
// Works line by line. The formatters keep most statements on one line and put spaces around binary
// operators, so one line is usually a whole statement; other lines are left out.

import { createHash } from 'node:crypto';

/** A token and its replacement. */
const swaps = [
  [' < ', ' <= '],
  [' <= ', ' < '],
  [' > ', ' >= '],
  [' >= ', ' > '],
  [' == ', ' != '],
  [' != ', ' == '],
  [' === ', ' !== '],
  [' !== ', ' === '],
  [' && ', ' || '],
  [' || ', ' && '],
  [' + ', ' - '],
  [' - ', ' + '],
  [' & ', ' | '],
  ['true', 'false'],
  ['false', 'true'],
];

const languages = {
  cpp: {
    // Declarations, compile-time code and comments do not run.
    skip: /^(\/\/|\/\*|\*|#|static_assert|static constexpr|inline constexpr|constexpr|template|using|friend|namespace|enum|struct|class|case |default:|requires|concept|extern|public:|private:|protected:|if constexpr|\[\[)/,
    assignment: /^(?:(?:const )?[\w:<>]+[*&]? \w+ = |\*?[\w.[\]>()-]+ [-+|&^]?= )(?=.+;$)/,
    call: /^\*?[\w:.>-]+(?:\[[^\]]*\])?(?:<[\w:]+>)?(?:\(.*\)|\+\+|--| [-+|&^]?= .+);$|^(?:\+\+|--)[\w.>-]+;$/,
    literal: /^[\s\S]*["']/,
  },
  typescript: {
    skip: /^(\/\/|\/\*|\*|import |export (type|interface|\{|\*)|type |interface |case |default:|readonly |private |declare |abstract |static )/,
    assignment: /^(?:(?:const|let) \w+(?:: [^=]+)? = |(?:this\.)?#?[\w.[\]#]+ [-+|&^]?= )(?=.+;$)/,
    // A line that begins with a private name declares a field, which no condition can stand before.
    call: /^(?!#\w+ =)(?:this\.|super\.)?#?[\w.?#]+(?:\(.*\)|\+\+|--| [-+|&^]?= .+);$/,
    literal: /["'`]/,
  },
};

/**
 * All mutants of a source text: `{ line, from, to, what }`, where `from` is the whole line and `to(switch)`
 * gives the line with both forms behind a switch expression.
 */
export function findMutants(text, language) {
  const lines = text.split('\n');
  const rules = languages[language];
  const found = [];
  let isComment = false;
  lines.forEach((line, index) => {
    const code = line.trim();
    if (code.startsWith('/*')) isComment = true;
    const isSkipped = isComment || code === '' || rules.skip.test(code);
    if (code.includes('*/')) isComment = false;
    if (isSkipped) return;
    // A line that goes on from the one before is only part of a statement.
    if (!/[;{}:]$|^$|^\s*(\/\/|\*)/.test(stripComment(lines[index - 1] ?? ''))) return;
    for (const mutant of mutantsOfLine(stripComment(line), rules)) {
      found.push({ line: index + 1, from: line, ...mutant });
    }
  });
  return found;
}

/** The text with each chosen mutant behind `switchOf(number)`; at most one per line. */
export function instrument(text, mutants, switchOf) {
  const lines = text.split('\n');
  for (const { line, to, number } of mutants) lines[line - 1] = to(switchOf(number));
  return lines.join('\n');
}

/** A sample that depends on the seed alone, with at most one mutant per line. */
export function sample(mutants, count, seed) {
  const rank = ({ file, line, what }) =>
    createHash('sha256').update(`${seed} ${file} ${line} ${what}`).digest('hex');
  const ranked = mutants
    .map((mutant) => ({ ...mutant, rank: rank(mutant) }))
    .sort((one, other) => (one.rank < other.rank ? -1 : 1));
  const lines = new Set();
  const chosen = ranked.filter(({ file, line }) => {
    const place = `${file}:${line}`;
    return !lines.has(place) && lines.add(place);
  });
  return chosen.slice(0, count);
}

/**
 * The explanations, entries of tools/mutants-explained.json, whose mutant does not exist: a line each.
 * `read` gives the text of a file, or undefined where there is no such file.
 */
export function staleExplanations(explained, read) {
  return explained.flatMap(({ file, change }) => {
    const text = read(file);
    if (text === undefined) return [`${file} does not exist: ${change}`];
    const language = file.endsWith('.ts') ? 'typescript' : 'cpp';
    const exists = findMutants(text, language).some(({ what }) => what === change);
    return exists ? [] : [`${file} has no such mutant: ${change}`];
  });
}

function* mutantsOfLine(line, rules) {
  for (const { begin, end, isCondition } of expressionsOf(line, rules)) {
    const [before, expression, after] = [
      line.slice(0, begin),
      line.slice(begin, end),
      line.slice(end),
    ];
    const either = (changed) => ({
      what: `${expression}  ->  ${changed}`,
      to: (isOn) => `${before}${isOn} ? (${changed}) : (${expression})${after}`,
    });
    if (isCondition) {
      const changed = `!(${expression})`;
      // Twice, since both forms must have one type.
      const to = (isOn) => `${before}${isOn} ? ${changed} : !${changed}${after}`;
      yield { what: `${expression}  ->  ${changed}`, to };
    }
    for (const [token, other] of swaps) {
      // An expression with both operators would need parentheses that the source does not have.
      if (expression.includes(' ?? ') && /&&|\|\|/.test(token + other)) continue;
      for (const place of placesOf(expression, token)) {
        yield either(expression.slice(0, place) + other + expression.slice(place + token.length));
      }
    }
  }
  const code = line.trim();
  if (rules.call.test(code) && !/^(return|throw|break|continue|delete|yield|await)\b/.test(code)) {
    const begin = line.indexOf(code);
    yield {
      what: `${code}  ->  (left out)`,
      to: (isOn) => `${line.slice(0, begin)}if (!(${isOn})) { ${code} }`,
    };
  }
}

/** The places of whole expressions in a line: conditions, returned values, what is assigned. */
function* expressionsOf(line, rules) {
  const condition = /(?:^|[ }])(?:if|while) \(/.exec(line);
  if (condition !== null) {
    const begin = condition.index + condition[0].length;
    const end = closingOf(line, begin);
    if (end !== -1 && !/[=;{]/.test(line.slice(begin, end).replace(/[=!<>]==?| => /g, ''))) {
      yield { begin, end, isCondition: true };
    }
  }
  const result = /(?:^|[ {])return (.+?);(?: \})?$/.exec(line);
  if (result !== null) {
    const begin = result.index + result[0].indexOf('return ') + 'return '.length;
    if (isPlain(result[1])) yield { begin, end: begin + result[1].length, isCondition: false };
    return;
  }
  const code = line.trim();
  const assigned = rules.assignment.exec(code);
  if (assigned !== null) {
    const begin = line.indexOf(code) + assigned[0].length;
    const expression = line.slice(begin, line.lastIndexOf(';'));
    if (isPlain(expression)) yield { begin, end: begin + expression.length, isCondition: false };
  }
}

/** Whether an expression is complete and holds no function and no list. */
function isPlain(expression) {
  return (
    !/[{};]|=>|\[[&=]/.test(expression) && closingOf(`${expression})`, 0) === expression.length
  );
}

/** Where the parenthesis closes that was opened before `begin`; -1 where it does not in this line. */
function closingOf(line, begin) {
  let depth = 1;
  let quote = '';
  for (let index = begin; index < line.length; index++) {
    const character = line[index];
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === "'" && /\w/.test(line[index - 1] ?? '')) {
      // separates digits
    } else if ('"\'`'.includes(character)) {
      quote = character;
    } else if ('([{'.includes(character)) {
      depth++;
    } else if (')]}'.includes(character) && --depth === 0) {
      return index;
    }
  }
  return -1;
}

/** The places of a token outside of quotes; words as words. */
function* placesOf(expression, token) {
  const isWord = /\w/.test(token);
  for (let at = expression.indexOf(token); at !== -1; at = expression.indexOf(token, at + 1)) {
    const quotes =
      expression
        .slice(0, at)
        .replace(/(?<=\w)'(?=\w)/g, '')
        .match(/["'`]/g) ?? [];
    const isPartOfWord =
      isWord &&
      (/[\w$.]/.test(expression[at - 1] ?? '') || /\w/.test(expression[at + token.length] ?? ''));
    if (quotes.length % 2 === 0 && !isPartOfWord) yield at;
  }
}

function stripComment(line) {
  return line.replace(/\s+\/\/ .*$/, '');
}
