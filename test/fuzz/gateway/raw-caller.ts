/** A caller on a socket of its own: what it writes is any bytes, and what it gets must be answers by the book. */
import { connect } from 'node:net';
import { Broken } from '../boundary.js';

/** Above all limits of the gateway under test. */
const ANSWER_MS_MAX = 20_000;

export interface Call {
  readonly writes: readonly string[];
  /** `wait`: for the answer, which ends the connection. */
  readonly leave: 'wait' | 'end' | 'reset';
}

/** All that came back. @throws Broken when the connection stays open, with nothing said, beyond every limit */
export async function callRaw(url: string, { writes, leave }: Call): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true, allowHalfOpen: true });
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  socket.on('error', () => undefined); // a reset is an answer too
  const got = (): string => Buffer.concat(parts).toString('latin1');
  const closed = new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => {
      socket.destroy();
      reject(new Broken(`a connection was still open after ${ANSWER_MS_MAX} ms; it had heard: ${got().slice(0, 600)}`));
    }, ANSWER_MS_MAX);
    socket.once('end', () => socket.end());
    socket.once('close', () => {
      clearTimeout(late);
      resolve();
    });
  });
  closed.catch(() => undefined); // awaited below
  await new Promise<void>((resolve) => socket.once('connect', resolve).once('close', () => resolve()));
  for (const piece of writes) {
    if (socket.destroyed) break;
    socket.write(piece, 'latin1');
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (leave === 'end') socket.end();
  else if (leave === 'reset') socket.resetAndDestroy();
  await closed;
  return got();
}

/** @throws Broken when these bytes are no row of answers, the last of which may have broken off */
export function mustBeAnswers(bytes: string, headOnly: boolean): void {
  let rest = bytes;
  while (rest !== '') rest = afterOne(rest, headOnly);
}

const HEAD = /^HTTP\/1\.1 \d{3}[^\r\n]*(?:\r\n[!#$%&'*+.^_`|~0-9a-z-]+:[^\r\n\0]*)*$/i;

function afterOne(bytes: string, headOnly: boolean): string {
  const bad = (why: string): Broken =>
    new Broken(`a caller got no answer by the book (${why}): ${JSON.stringify(bytes.slice(0, 1_200))}`);
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) {
    if ('HTTP/1.1 '.startsWith(bytes.slice(0, 9))) return ''; // broken off
    throw bad('bytes between answers');
  }
  const head = bytes.slice(0, end);
  if (!HEAD.test(head)) throw bad('its head');
  const body = bytes.slice(end + 4);
  const status = Number(head.slice(9, 12));
  if (headOnly) return /^connection: *close$/im.test(head) ? '' : body; // what is no HTTP is refused with words for any method
  if (status < 200 || status === 204 || status === 304) return body;
  const lengths = [...head.matchAll(/^content-length: *(\d+)$/gim)].map(([, n]) => Number(n));
  const chunked = /^transfer-encoding: *chunked$/im.test(head);
  if (lengths.length > 1 || (lengths.length === 1 && chunked)) throw bad('two lengths');
  if (chunked) {
    const after = afterChunks(body);
    if (after === null) throw bad('its chunks');
    return after;
  }
  return lengths.length === 1 ? body.slice(lengths[0]) : '';
}

/** What follows on the last chunk; empty when it has not come, `null` for what are no chunks. */
function afterChunks(body: string): string | null {
  let at = 0;
  for (;;) {
    const line = body.indexOf('\r\n', at);
    if (line < 0) return /^[0-9a-f]*\r?$/i.test(body.slice(at)) ? '' : null;
    const size = body.slice(at, line);
    if (!/^[0-9a-f]+$/i.test(size)) return null;
    const length = parseInt(size, 16);
    at = line + 2 + length;
    if (body.length < at + 2) return '';
    if (body.slice(at, at + 2) !== '\r\n') return null;
    at += 2;
    if (length === 0) return body.slice(at);
  }
}
