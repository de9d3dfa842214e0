/** A Redis server that keeps texts as the real one does, and answers whatever a test wants. */
import { createServer, type AddressInfo, type Socket } from 'node:net';

export const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

export class HostileRedis {
  /** What is sent instead of the honest reply. */
  answer: (honest: string, socket: Socket) => string = (honest) => honest;
  readonly texts = new Map<string, string>();
  connections = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => {
    this.connections++;
    this.#sockets.add(socket);
    let heard = Buffer.alloc(0);
    socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    socket.on('data', (piece: Buffer) => {
      heard = Buffer.concat([heard, piece]);
      for (let words = wordsOf(heard); words !== null; words = wordsOf(heard)) {
        heard = heard.subarray(words.length);
        socket.write(this.answer(this.#honest(words.words), socket));
      }
    });
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #honest([name = '', ...words]: readonly string[]): string {
    if (name === 'GET') {
      const text = this.texts.get(words[0] ?? '');
      return text === undefined ? '$-1\r\n' : bulk(text);
    }
    if (name !== 'EVAL') return '+OK\r\n';
    const [key = '', text] = words.slice(5);
    if (text === undefined) return `:${this.texts.delete(key) ? 1 : 0}\r\n`;
    this.texts.set(key, text);
    return '$-1\r\n';
  }
}

/** The first command of these bytes, and how many of them it takes; `null`: it has not come whole. */
function wordsOf(bytes: Buffer): { readonly words: readonly string[]; readonly length: number } | null {
  const words: string[] = [];
  let at = bytes.indexOf('\r\n') + 2;
  if (at < 2) return null;
  const count = Number(bytes.toString('latin1', 1, at - 2));
  while (words.length < count) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return null;
    const length = Number(bytes.toString('latin1', at + 1, end));
    if (bytes.length < end + length + 4) return null;
    words.push(bytes.toString('utf8', end + 2, end + 2 + length));
    at = end + length + 4;
  }
  return { words, length: at };
}
