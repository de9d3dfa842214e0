import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { compiled } from '../kit/compiled.js';
import { eventually } from '../kit/eventually.js';

const BIN = compiled('bin/understudy.js');
const dir = mkdtempSync(join(tmpdir(), 'understudy-cli-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function understudy(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const { PATH = '' } = process.env;
  return await new Promise((resolve) => {
    execFile(
      process.execPath,
      [BIN, ...args],
      { cwd: dir, env: { PATH, USER: 'ada', ...env }, timeout: 20_000 },
      (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('a command line that cannot be understood ends with 2 and says what is missing', () => {
  test.each([
    ['an unknown verb', ['foo'], /unknown command 'foo'/],
    ['an unknown option', ['status', '--wat'], /unknown option '--wat'/],
    ['a switchover without a target', ['switchover', 'chat', '--reason', 'x'], /'--to <cluster>' not specified/],
    ['a switchover without a reason', ['switchover', 'chat', '--to', 'us-b'], /'--reason <text>' not specified/],
    ['a verb without its service', ['history'], /missing required argument 'service'/],
    ['half a verb', ['config'], /the verb `config` needs another word/],
    ['a port that is none', ['gateway', '--config', 'x', '--port', '99999'], /0 to 65535/],
    ['a freeze without an end', ['freeze', 'chat', '--reason', 'x'], /'--for <duration>' not specified/],
  ])('%s', async (_what, args, words) => {
    const { code, out, err } = await understudy(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(words);
    expect(err).toMatch(/^understudy: .+\nnext: .+\n$/);
  });

  test('with --json it is one JSON value on stdout', async () => {
    const { code, out, err } = await understudy(['status', '--wat', '--json']);
    expect({ code, err }).toEqual({ code: 2, err: '' });
    expect(JSON.parse(out)).toEqual({
      error: { code: 'bad-input', message: expect.stringContaining('--wat'), fix: expect.any(String) },
    });
  });
});

describe('an instance that cannot be reached ends with 4', () => {
  test('no instance.json, nothing named', async () => {
    const { code, err } = await understudy(['status']);
    expect(code).toBe(4);
    expect(err).toMatch(/no instance runs here: \.understudy\/instance\.json is not there/);
  });

  test('a Temporal address where nobody listens is named, with its source', async () => {
    const address = `127.0.0.1:${await closedPort()}`;
    const { code, out } = await understudy(['history', 'chat', '--json'], { TEMPORAL_ADDRESS: address });
    const { error } = JSON.parse(out) as { error: { code: string; message: string } };
    expect(code).toBe(4);
    expect(error.code).toBe('temporal-unreachable');
    expect(error.message).toContain(address);
    expect(error.message).toContain('TEMPORAL_ADDRESS');
  });

  test('an instance whose process has gone is called so', async () => {
    const gone = {
      pid: 2 ** 22 + 1,
      temporal: { address: `127.0.0.1:${await closedPort()}`, namespace: 'default' },
      gateway: { url: 'http://127.0.0.1:1', adminUrl: 'http://127.0.0.1:1' },
      adminToken: 'token',
      simulated: {},
      processes: [],
    };
    writeFileSync(join(dir, 'instance.json'), JSON.stringify(gone));
    const { code, err } = await understudy(['abort', 'chat', '--data-dir', '.']);
    expect(code).toBe(4);
    expect(err).toMatch(/process 4194305\) no longer runs/);
  });

  test('an instance.json that is broken is refused', async () => {
    writeFileSync(join(dir, 'instance.json'), '{"pid":');
    const { code, err } = await understudy(['status'], { UNDERSTUDY_DATA_DIR: '.' });
    expect(code).toBe(3);
    expect(err).toMatch(/instance\.json cannot be read/);
  });
});

describe('config', () => {
  test('check tells every place of a wrong file, and ends with 3', async () => {
    writeFileSync(join(dir, 'wrong.yaml'), 'version: 2\nclusterz: {}\n');
    const { code, err } = await understudy(['config', 'check', '-f', 'wrong.yaml']);
    expect(code).toBe(3);
    expect(err).toMatch(/wrong\.yaml:1:10: .+\. Fix: write 1\n/);
    expect(err).toMatch(/wrong\.yaml:2:1: unknown key `clusterz`\. Fix: did you mean `clusters`\?/);
  });

  test('schema prints the JSON schema', async () => {
    const { code, out } = await understudy(['config', 'schema']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ title: 'Understudy configuration' });
  });

  test('apply refuses a wrong file before it looks for anybody', async () => {
    expect(await understudy(['apply', '-f', 'nowhere.yaml'])).toMatchObject({
      code: 3,
      err: expect.stringContaining('there is no such file'),
    });
  });
});

describe('keys', () => {
  test('new prints a key that nothing keeps, with a line that the configuration takes', async () => {
    const { code, out } = await understudy(['keys', 'new', 'ada', '--json']);
    const { key, sha256, line } = JSON.parse(out) as Record<'key' | 'sha256' | 'line', string>;
    expect({ code, line }).toEqual({ code: 0, line: `- { name: ada, sha256: ${sha256} }` });
    expect(createHash('sha256').update(key).digest('hex')).toBe(sha256);
    expect(key).toMatch(/^sk-understudy-[\w-]{43}$/);
    expect((await understudy(['keys', 'new', 'ada'])).out).not.toContain(key);
    writeFileSync(join(dir, 'keys.yaml'), withKeys(line));
    expect((await understudy(['config', 'check', '-f', 'keys.yaml'])).code).toBe(0);
  });

  test('are read again on SIGHUP; a wrong file changes nothing', async () => {
    const config = join(dir, 'reload.yaml');
    const line = (name: string): string =>
      `- { name: ${name}, sha256: ${createHash('sha256').update(name).digest('hex')} }`;
    writeFileSync(config, withKeys(line('old')));
    const args = ['gateway', '--config', config, '--port', '0', '--admin-port', '0', '--data-dir', join(dir, 'reload')];
    const running = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      let said = '';
      running.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      await eventually(() => said.includes('"event":"ready"'), 20_000);
      const url = /"event":"ready","url":"([^"]+)"/.exec(said)?.[1] ?? '';
      const status = async (key: string): Promise<number> =>
        (await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status;
      expect([await status('old'), await status('new')]).toEqual([200, 401]);
      writeFileSync(config, 'version: 2');
      running.kill('SIGHUP');
      await eventually(() => said.includes('"event":"keys-not-replaced"'), 10_000);
      expect([await status('old'), await status('new')]).toEqual([200, 401]);
      writeFileSync(config, withKeys(line('new')));
      running.kill('SIGHUP');
      await eventually(() => said.includes('"event":"keys-replaced"'), 10_000);
      expect([await status('old'), await status('new')]).toEqual([401, 200]);
    } finally {
      running.kill('SIGTERM');
      await new Promise((resolve) => running.once('exit', resolve));
    }
  });
});

function withKeys(line: string): string {
  const clusters = 'clusters: { a: { url: http://127.0.0.1:1, region: eu, model: m } }';
  const services = 'services: { chat: { clusters: [ { name: a, role: primary } ] } }';
  return `version: 1\n${clusters}\n${services}\ngateway:\n  keys:\n    ${line}\n`;
}

test('help lists every verb, on stdout, with exit 0', async () => {
  const { code, out } = await understudy(['--help']);
  expect(code).toBe(0);
  for (const name of ['status', 'switchover', 'skip-step', 'doctor', 'worker', 'sim', 'dev'])
    expect(out).toContain(name);
});

test('no colour code leaves the program when nobody looks', async () => {
  const { out, err } = await understudy(['doctor']);
  expect(out + err).not.toContain('\u001b[');
});

test('doctor without an instance says so, with a fix, and ends with 1', async () => {
  rmSync(join(dir, 'instance.json'), { force: true });
  const { code, out } = await understudy(['doctor', '--json']);
  const { ok, checks } = JSON.parse(out) as {
    ok: boolean;
    checks: { name: string; state: string; fix: string | null }[];
  };
  expect({ code, ok }).toEqual({ code: 1, ok: false });
  expect(checks).toContainEqual(expect.objectContaining({ name: 'node', state: 'ok', fix: null }));
  expect(checks).toContainEqual(
    expect.objectContaining({ name: 'instance', state: 'problem', fix: expect.stringContaining('understudy dev') }),
  );
});
