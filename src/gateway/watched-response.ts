/**
 * The answer to a caller, whose pieces somebody may hear. A class of its own: functions put on each answer would be found
 * by the compiled code of the one before, and keep it from the garbage collector.
 */
import { ServerResponse } from 'node:http';

/** Up to here copying is cheaper than a second piece. */
const ONE_PIECE_BYTES_MAX = 16 * 1024;

export class WatchedResponse extends ServerResponse {
  /** Hears every piece of the body; `null`: nobody wants to. */
  onPiece: ((piece: unknown) => void) | null = null;

  override write(
    piece: unknown,
    encoding?: BufferEncoding | ((error: Error | null | undefined) => void),
    done?: (error: Error | null | undefined) => void,
  ): boolean {
    this.onPiece?.(piece);
    return super.write(piece, encoding as BufferEncoding, done);
  }

  override end(piece?: unknown, encoding?: BufferEncoding | (() => void), done?: () => void): this {
    this.onPiece?.(piece);
    // As text it goes out in one piece with the head before it, which is cheaper than two.
    if (Buffer.isBuffer(piece) && piece.length <= ONE_PIECE_BYTES_MAX && typeof encoding !== 'function')
      return super.end(piece.toString('latin1'), 'latin1', done);
    return super.end(piece, encoding as BufferEncoding, done);
  }
}
