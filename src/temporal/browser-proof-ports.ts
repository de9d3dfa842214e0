/**
 * Ports that browsers never connect to, whatever a page asks for: the "bad ports" of the Fetch standard (section "port
 * blocking"), which Chromium, Firefox and Safari keep; without 4190, which Chromium lets pass. An HTTP listener without
 * any check of its own is safe there from pages that try every port, also from those whose name was rebound.
 */
import { CodedError } from '../domain/errors.js';
import { isFree } from './ports.js';

/** Of the standard's list, without those that machines still use: those that anybody may listen on, then the others. */
const BROWSER_PROOF = [
  ...[6665, 6666, 6667, 6668, 6669, 6679, 6697, 4045, 3659, 1719, 1720, 1723, 5060, 5061, 6566, 10_080],
  ...[1, 7, 9, 11, 13, 15, 17, 19, 37, 42, 43, 77, 79, 87, 95, 101, 102, 103, 104, 109, 115, 117, 119, 526, 530, 531],
];

/**
 * `count` of them that were free a moment ago. `seed` says where the search begins: two instances that start in the same
 * moment should not want the same ones.
 * @throws CodedError `port-taken`
 */
export async function browserProofPorts(count: number, seed: number): Promise<readonly number[]> {
  const found: number[] = [];
  for (const port of inTurn(BROWSER_PROOF, seed)) {
    if (found.length === count) return found;
    if (await isFree(port)) found.push(port);
  }
  if (found.length === count) return found;
  throw new CodedError(
    'port-taken',
    `of the ports that browsers never connect to (6665 and others) ${found.length} are free, and Temporal needs ${count}. ` +
      'Nothing was started. End another instance, or use a Temporal of your own with --temporal',
  );
}

const inTurn = (ports: readonly number[], seed: number): readonly number[] => {
  const first = seed % ports.length;
  return [...ports.slice(first), ...ports.slice(0, first)];
};
