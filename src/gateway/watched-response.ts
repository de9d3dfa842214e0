/**
 * The answer to a caller, whose pieces somebody may hear. A class of its own: functions put on each answer would be found
 * by the compiled code of the one before, and keep it from the garbage collector.
 */
import { ServerResponse } from 'node:http';

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
    return super.end(piece, encoding as BufferEncoding, done);
  }
}
