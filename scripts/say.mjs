/** Plain progress lines on standard error; colour only on a terminal that wants it. */
const colour = process.stderr.isTTY === true && !process.env.NO_COLOR;
const dim = (text) => (colour ? `\u001b[2m${text}\u001b[22m` : text);
let quiet = false;

/** From now on nothing is said; errors still are. */
export function beQuiet() {
  quiet = true;
}

/** @param {string} line */
export function say(line) {
  if (!quiet) process.stderr.write(`${dim('setup:')} ${line}\n`);
}

/** A failure that is explained in its own words, without a stack. */
export class SetupError extends Error {}

/** @param {number} sinceMs */
export const secondsSince = (sinceMs) => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;
