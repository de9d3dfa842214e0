/**
 * The official client for Python (PyPI `openai`), as it is, through the gateway. Without Python or without a package
 * index there is nothing to try: these tests then say so and are not run, and with `CI=true` the first one fails.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expectedEmbedding } from '../../src/simulator/embeddings.js';
import { expectedText } from '../../src/simulator/text.js';
import { MAX_TOKENS, MODEL, SERVICE, assistant, openStage, rightText, user, type Stage } from './stage.js';
import { pythonWithClient } from './venv.js';

const SCRIPT = join(import.meta.dirname, 'openai_client.py');

const { python, why } = await pythonWithClient().then(
  (path) => ({ python: path, why: '' }),
  (error: unknown) => ({ python: null, why: error instanceof Error ? error.message : String(error) }),
);
if (python === null) console.warn(`The Python client is not tried: ${why}`);

test('where CI is set, there is a Python with the client', () => {
  expect(process.env['CI'] === 'true' ? why : '').toBe('');
});

interface Line {
  readonly [field: string]: unknown;
}

describe.runIf(python !== null)('the Python client', () => {
  let stage: Stage;
  beforeAll(async () => (stage = await openStage()));
  afterEach(async () => await stage.restore());
  afterAll(async () => await stage.close());

  /** The lines that a scenario told; `onLine` answers before it goes on, where it waits. */
  async function play(scenario: string, onLine: (line: Line) => Promise<void> = async () => {}): Promise<Line[]> {
    const args = [SCRIPT, stage.baseUrl, SERVICE, String(MAX_TOKENS), scenario];
    const child = spawn(python ?? '', args, { stdio: ['pipe', 'pipe', 'inherit'], timeout: 30_000 });
    const exited = once(child, 'exit');
    const lines: Line[] = [];
    for await (const text of createInterface({ input: child.stdout })) {
      const line = JSON.parse(text) as Line;
      lines.push(line);
      await onLine(line);
      child.stdin.write('\n');
    }
    expect(await exited).toEqual([0, null]);
    return lines;
  }

  test('chat, as a stream too', async () => {
    const whole = rightText([user('python chat')]);
    expect(await play('chat')).toEqual([{ whole, streamed: rightText([user('python stream')]) }]);
  });

  test('completions, as a stream too', async () => {
    const text = expectedText('python completion', MAX_TOKENS);
    expect(await play('completions')).toEqual([{ whole: text, streamed: text }]);
  });

  test('responses: the second turn knows the first one, as a stream too', async () => {
    const first = rightText([user('python one')]);
    const second = rightText([user('python one'), assistant(first), user('python two')]);
    expect(await play('responses')).toEqual([{ first, second, streamed: second }]);
  });

  test('embeddings, which this client asks for in base64 by itself', async () => {
    const [x, y] = ['x', 'y'].map(expectedEmbedding);
    expect(await play('embeddings')).toEqual([{ several: [x, y], plain: x }]);
  });

  test('models', async () => {
    expect(await play('models')).toEqual([{ ids: [SERVICE, MODEL], one: SERVICE }]);
  });

  test('an unknown model is a NotFoundError, a bad request a BadRequestError', async () => {
    expect(await play('errors')).toMatchObject([
      {
        unknown: { type: 'NotFoundError', status: 404, code: 'unknown-service' },
        bad: { type: 'BadRequestError', status: 400 },
      },
    ]);
  });

  test('no cluster at all is an InternalServerError with Retry-After', async () => {
    for (const name of ['a', 'b'] as const) await stage.fault(name, { kind: 'errors', share: 1, status: 503 });
    expect(await play('unavailable')).toMatchObject([
      { error: { type: 'InternalServerError', status: 503, retryAfter: expect.stringMatching(/^\d+$/) as unknown } },
    ]);
  });

  test('a quota is a RateLimitError, and is tried again after the time that it names', async () => {
    for (const name of ['a', 'b'] as const) await stage.fault(name, { kind: 'quota', share: 1 });
    const lines = await play('patient', async ({ error }) => {
      if (error !== undefined) setTimeout(() => void stage.restore(), 300);
      await Promise.resolve();
    });
    expect(lines).toMatchObject([
      { error: { type: 'RateLimitError', status: 429, retryAfter: '1' } },
      { whole: rightText([user('python patient')]) },
    ]);
  });

  test('a cluster killed in the middle of a stream: one whole, right answer', async () => {
    const lines = await play('killed', async ({ kill }) => {
      if (kill === true) await stage.fault('a', { kind: 'crash' });
    });
    expect(lines).toEqual([{ kill: true }, { text: rightText([user('python killed')]), ends: 1, ids: 1 }]);
  });
});
