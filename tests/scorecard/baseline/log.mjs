// The log: one line of JSON on stderr, with the words by which lines of one failure are found.

/** Write a line; `words` are the thread, generation and turn that it is about. */
export function log(level, message, words = {}) {
  const line = JSON.stringify({ at: new Date().toISOString(), level, message, ...words });
  process.stderr.write(`${line}\n`);
}
