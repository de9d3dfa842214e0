/** One turn while it is answered: takes the whole answer out of what its cluster says, and puts in what it was not told. */
import { isFields, parseFields } from '../../domain/outside.js';
import type { StreamScan } from '../request/stream-scan.js';
import type { Conversations, Turn } from './conversations.js';

/** Quotes inside a JSON string are escaped: no text of a model can look like this key. */
const PREVIOUS = /("previous_response_id"\s*:\s*)null/g;
const PREVIOUS_KEY = Buffer.from('"previous_response_id"');

export class AnswerKeeper {
  readonly #conversations: Conversations;
  readonly #turn: Turn;

  constructor(conversations: Conversations, turn: Turn) {
    this.#conversations = conversations;
    this.#turn = turn;
  }

  /** What the caller gets for whole lines, or for a whole answer: its cluster was asked without the id. */
  rewrite(bytes: Buffer): Buffer {
    const { previousId } = this.#turn.asked;
    if (previousId === null || !bytes.includes(PREVIOUS_KEY)) return bytes;
    // One byte a character: a piece may begin or end within a longer one.
    const id = Buffer.from(JSON.stringify(previousId)).toString('latin1');
    return Buffer.from(
      bytes.toString('latin1').replace(PREVIOUS, (_all, key: string) => key + id),
      'latin1',
    );
  }

  /** Keeps an answer that came in one piece; `null`: nothing to wait for. */
  keepWhole(body: Buffer): Promise<void> | null {
    return this.#turn.asked.keeps ? this.keep(parseFields(body.toString('utf8'))) : null;
  }

  /** Keeps the answer that came with the last lines of a stream, if it did. */
  keepHeard(scan: StreamScan): Promise<void> | null {
    const { answer } = scan;
    scan.answer = null;
    return this.keep(answer);
  }

  keep(response: unknown): Promise<void> | null {
    if (!isFields(response)) return null;
    const { previousId } = this.#turn.asked;
    return this.#conversations.keep(
      this.#turn,
      previousId === null ? response : { ...response, previous_response_id: previousId },
    );
  }
}
