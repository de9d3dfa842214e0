/** HTTP as nobody should send it: bodies of any size, and bytes that are no HTTP. Loopback only. */
import { request, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Sending {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Without a length: the receiver learns it only by reading. */
  readonly chunked?: boolean;
}

const ANSWER_MS_MAX = 20_000;

/** The answer, also when it came before the body was sent. */
export async function send(
  url: string,
  { method = 'POST', headers = {}, body = '', chunked }: Sending,
): Promise<Answer> {
  const length = chunked === true ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  return await new Promise((resolve, reject) => {
    const req = request(url, { method, headers: { ...length, ...headers }, timeout: ANSWER_MS_MAX }, (res) => {
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (chunk: string) => (text += chunk));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text }));
      res.on('error', reject);
    });
    req.on('error', reject);
    req.on('timeout', () => req.destroy(new Error(`no answer from ${url} in ${ANSWER_MS_MAX} ms`)));
    req.end(body);
  });
}

/** Sends raw bytes and answers with what came back until the other side closed, or we did after `patienceMs`. */
export async function sendRaw(url: string, bytes: string | Buffer, patienceMs = 2_000): Promise<string> {
  const { hostname, port } = new URL(url);
  return await new Promise((resolve) => {
    let got = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.setTimeout(patienceMs, () => socket.destroy());
    socket.on('data', (chunk) => (got += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(got));
  });
}
