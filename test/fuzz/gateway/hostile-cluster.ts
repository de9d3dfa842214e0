/** A cluster that answers whatever its script says, and reads what it is asked as strictly as one can. */
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Script } from '../generate/answers.js';
import { MARK } from '../generate/families.js';
import { Broken } from '../boundary.js';

/** The words by which a caller is known; as long as their place in an answer. */
export const MARK_PATTERN = /mk-[0-9a-f]{14}/g;

const NOTHING: Script = { writes: [], end: 'end' };

export class HostileCluster {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #script: Script = NOTHING;
  #broken: Broken | null = null;

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(): Promise<HostileCluster> {
    const cluster = new HostileCluster();
    await new Promise<void>((resolve) => cluster.#server.listen(0, '127.0.0.1', resolve));
    return cluster;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  says(script: Script): void {
    this.#script = script;
  }

  /** @throws Broken when it was sent something that is no request */
  mustBeAskedWell(): void {
    const broken = this.#broken;
    this.#broken = null;
    if (broken !== null) throw broken;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    let bytes = '';
    socket.on('data', (part: Buffer) => {
      bytes += part.toString('latin1');
      for (let asked = readAsked(bytes); asked !== null; asked = readAsked(bytes)) {
        if (asked.kind === 'garbage') {
          this.#broken ??= new Broken(`a cluster was sent what is no request: ${JSON.stringify(bytes.slice(0, 600))}`);
          socket.destroy();
          return;
        }
        bytes = bytes.slice(asked.length);
        void playScript(socket, this.#script, asked.mark);
      }
    });
  }
}

async function playScript(socket: Socket, { writes, end }: Script, mark: string): Promise<void> {
  for (const piece of writes) {
    if (socket.destroyed) return;
    socket.write(piece.replaceAll(MARK, mark), 'latin1');
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (end === 'end') socket.end();
  else if (end === 'reset') socket.resetAndDestroy();
}

type Read = { readonly kind: 'asked'; readonly length: number; readonly mark: string } | { readonly kind: 'garbage' };

const REQUEST = /^[A-Z]+ \/\S* HTTP\/1\.1(?:\r\n[!#$%&'*+.^_`|~0-9a-z-]+:[^\r\n\0]*)*$/i;

function readAsked(bytes: string): Read | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return bytes.length > 200_000 ? { kind: 'garbage' } : null;
  const head = bytes.slice(0, end);
  const lengths = [...head.matchAll(/^content-length: *(\d+)$/gim)];
  if (!REQUEST.test(head) || lengths.length > 1 || /^transfer-encoding:/im.test(head)) return { kind: 'garbage' };
  const length = end + 4 + Number(lengths[0]?.[1] ?? 0);
  if (bytes.length < length) return null;
  return { kind: 'asked', length, mark: bytes.slice(0, length).match(MARK_PATTERN)?.[0] ?? MARK };
}
