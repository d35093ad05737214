// SPDX-License-Identifier: MIT
//
// Reports on steps that take long: what begins, how long it took, and at least every few seconds what is going on.

/** The steps that are running: their names, each with its begin, the silence it allows, and what it last said. */
const running = new Map();

let lastLine = 0;

export function say(text) {
  lastLine = performance.now();
  console.error(text);
}

/**
 * Runs a task, which may call its argument with a text such as `40 %` to say how far it is. After `silence` seconds
 * without a line one says what is running.
 */
export async function step(name, task, silence = 5) {
  const state = { begin: performance.now(), silence, done: '' };
  running.set(name, state);
  say(`${name} ...`);
  const timer = setInterval(reportIfSilent, 1000);
  try {
    return await task((done) => {
      state.done = `${done}, `;
    });
  } finally {
    clearInterval(timer);
    running.delete(name);
  }
}

function reportIfSilent() {
  const silences = [...running.values()].map(({ silence }) => silence);
  if (secondsSince(lastLine) < Math.min(...silences)) return;
  const states = [...running].map(
    ([name, { begin, done }]) => `${name}: ${done}${secondsSince(begin)} s`,
  );
  say(states.join('; '));
}

function secondsSince(begin) {
  return Math.round((performance.now() - begin) / 1000);
}
