/** Reads an answer of anybody up to a number of bytes: however long it goes on, and into however much it unpacks. */

/** Answers with a few fields. */
export const SMALL_ANSWER_BYTES_MAX = 1024 * 1024;

/** What was not read is given up, with its connection. @throws Error when there is more */
export async function boundedText(body: AsyncIterable<Uint8Array> | null, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw new Error(`its answer is larger than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
