/**
 * Bytes that come piece by piece and are wanted as one. A piece that is kept takes some hundred bytes beside its own, so
 * small ones are copied together: what comes one byte at a time must not take hundreds of times its room.
 */

/** Pieces from this size on are kept as they are, where they do not fit into the room that is there. */
const OWN_PIECE_BYTES_MIN = 4 * 1024;
const ROOM_BYTES_MAX = 64 * 1024;

export class GatheredBytes {
  #pieces: Buffer[] = [];
  /** Behind all pieces: where small ones are copied to, and how far it is used. */
  #room: Buffer | null = null;
  #used = 0;
  #size = 0;

  /** Of all that was added, let go or not. */
  get size(): number {
    return this.#size;
  }

  add(piece: Buffer): void {
    if (piece.length === 0) return;
    const isFirst = this.#room === null && this.#pieces.length === 0;
    this.#size += piece.length;
    if (this.#room !== null && piece.length <= this.#room.length - this.#used) this.#copy(this.#room, piece);
    else {
      this.#closeRoom();
      if (isFirst || piece.length >= OWN_PIECE_BYTES_MIN) this.#pieces.push(piece);
      else this.#copy(this.#newRoom(), piece);
    }
  }

  all(): Buffer {
    const [first] = this.#pieces;
    if (this.#room === null && this.#pieces.length === 1 && first !== undefined) return first;
    const last = this.#room === null ? [] : [this.#room.subarray(0, this.#used)];
    return Buffer.concat([...this.#pieces, ...last]);
  }

  /** Keeps the last `bytesMax` at most of what is there. */
  keepLast(bytesMax: number): void {
    const all = this.all();
    this.letGo();
    this.#pieces.push(Buffer.from(all.subarray(Math.max(0, all.length - bytesMax))));
  }

  letGo(): void {
    this.#pieces = [];
    this.#room = null;
    this.#used = 0;
  }

  #copy(room: Buffer, piece: Buffer): void {
    this.#used += piece.copy(room, this.#used);
  }

  #newRoom(): Buffer {
    const bytes = Math.min(ROOM_BYTES_MAX, Math.max(OWN_PIECE_BYTES_MIN, this.#size));
    return (this.#room = Buffer.allocUnsafeSlow(bytes));
  }

  /** Room that is hardly used is not kept along with what is. */
  #closeRoom(): void {
    if (this.#room === null) return;
    const used = this.#room.subarray(0, this.#used);
    this.#pieces.push(this.#used * 2 < this.#room.length ? Buffer.from(used) : used);
    this.#room = null;
    this.#used = 0;
  }
}
