/** Connections on real sockets, to a server that does whatever a test wants of it. */
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { failureOfTransport } from '../../../src/domain/error-owner.js';
import { eventually } from '../../kit/eventually.js';
import { stopAll } from '../kit.js';
import { answered, ask, connectionsTo, rawServer } from './wire.js';

afterEach(stopAll);

/** More than any socket's buffers take. */
const LARGE = Buffer.alloc(48 * 1024 * 1024, 'x');

describe('a connection is used again', () => {
  test('after an answer that is counted, in chunks, or has no body', async () => {
    const server = await rawServer();
    const connections = connectionsTo(server.origin);
    const answers = [
      answered('one', 'keep-alive: timeout=60\r\n'),
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n',
      'HTTP/1.1 204 No\r\n\r\n',
      'HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 304 No\r\ncontent-length: 3\r\n\r\n',
    ];
    for (const [i, text] of answers.entries()) {
      const ear = ask(connections);
      (await server.wire(0, i + 1)).say(text);
      expect(await ear.end()).toBe('end');
      expect(ear.body).toBe(i < 2 ? 'one' : '');
    }
    expect(server.wires).toHaveLength(1);
  });

  test('the latest that became idle first', async () => {
    const server = await rawServer();
    const connections = connectionsTo(server.origin);
    const ears = [ask(connections), ask(connections)];
    await eventually(() => server.wires.length === 2 && server.wires.every(({ requests }) => requests === 1));
    const [early, late] = server.wires;
    early?.say(answered('a'));
    await eventually(() => ears.some(({ ends }) => ends.length > 0));
    late?.say(answered('b'));
    await eventually(() => ears.every(({ ends }) => ends.length > 0));
    ask(connections);
    await eventually(() => late?.requests === 2);
    expect(early?.requests).toBe(1);
  });

  test('by a body of any size, byte for byte', async () => {
    const server = await rawServer();
    const connections = connectionsTo(server.origin);
    const body = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 256));
    for (const bytes of [body.subarray(0, 300), body]) {
      const ear = ask(connections, { method: 'POST', body: bytes });
      await eventually(() => server.wires[0]?.got.endsWith(`\r\n\r\n${bytes.toString('latin1')}`) === true);
      server.wires[0]?.say(answered('ok'));
      expect(await ear.end()).toBe('end');
    }
    expect(server.wires).toHaveLength(1);
  });
});

describe('a connection is not used again, and closed', () => {
  /** What follows on an answer, by which the next request must go elsewhere. */
  test.each([
    ['that the cluster closes', answered('one', 'connection: close\r\n')],
    ['HTTP/1.0', answered('one', 'connection: keep-alive\r\n').replace('/1.1', '/1.0')],
    ['bytes behind its answer', `${answered('one')}HTTP/1.1 200 OK\r\n\r\n`],
    ['one byte behind its answer', `${answered('one')}\n`],
    ['bytes behind an answer without a body', `HTTP/1.1 204 No\r\ncontent-length: 3\r\n\r\none`],
    ['a shorter time than a request takes', answered('one', 'keep-alive: timeout=1, max=5\r\n')],
  ])('after %s', async (_, text) => {
    const server = await rawServer();
    const connections = connectionsTo(server.origin);
    const first = ask(connections);
    const wire = await server.wire(0);
    wire.say(text);
    expect(await first.end()).toBe('end');
    expect(first.body).toBe(text.includes('204') ? '' : 'one');
    const second = ask(connections);
    (await server.wire(1)).say(answered('two'));
    expect(await second.end()).toBe('end');
    expect(second.body).toBe('two');
    await eventually(() => wire.closed);
    expect(wire.requests).toBe(1);
  });

  test('after an answer that ends with the connection', async () => {
    const server = await rawServer();
    const ear = ask(connectionsTo(server.origin));
    const wire = await server.wire(0);
    wire.say('HTTP/1.1 200 OK\r\n\r\none');
    await eventually(() => ear.body === 'one');
    expect(ear.ends).toEqual([]);
    wire.socket.end('two', 'latin1');
    expect(await ear.end()).toBe('end');
    expect(ear.body).toBe('onetwo');
    await eventually(() => wire.closed);
  });

  test('when bytes come while it is idle', async () => {
    const server = await rawServer();
    const connections = connectionsTo(server.origin);
    const first = ask(connections);
    const wire = await server.wire(0);
    wire.say(answered('one'));
    await first.end();
    wire.say(answered('poison'));
    // Those bytes have reached us when a connection that was made later has answered.
    const other = ask(connectionsTo(server.origin));
    (await server.wire(1)).say(answered('x'));
    await other.end();
    const second = ask(connections);
    (await server.wire(2)).say(answered('two'));
    await second.end();
    expect(second.body).toBe('two');
    await eventually(() => wire.closed);
  });

  test.each(['end', 'destroy', 'resetAndDestroy'] as const)(
    'when its cluster closes it while idle: %s',
    async (how) => {
      const server = await rawServer();
      const connections = connectionsTo(server.origin);
      const first = ask(connections);
      const wire = await server.wire(0);
      wire.say(answered('one'));
      await first.end();
      wire.socket[how]();
      await eventually(() => wire.closed);
      // The other side's end has reached us too when a connection that was made later has answered.
      const other = ask(connectionsTo(server.origin));
      (await server.wire(1)).say(answered('x'));
      await other.end();
      const second = ask(connections);
      (await server.wire(2)).say(answered('two'));
      expect(await second.end()).toBe('end');
    },
  );

  test('when the answer was over before the request had gone out', async () => {
    const server = await rawServer(createServer({ pauseOnConnect: true }));
    const connections = connectionsTo(server.origin);
    const ear = ask(connections, { method: 'POST', body: LARGE });
    await eventually(() => server.wires.length === 1);
    server.wires[0]?.say(answered('too large'));
    expect(await ear.end()).toBe('end');
    expect(ear.body).toBe('too large');
    const second = ask(connections);
    await eventually(() => server.wires.length === 2);
    server.wires[1]?.socket.resume();
    (await server.wire(1)).say(answered('two'));
    expect(await second.end()).toBe('end');
    server.wires[0]?.socket.resume();
    await eventually(() => server.wires[0]?.closed === true);
  });

  test('when its cluster ends its side while the request still goes out', async () => {
    const server = await rawServer(createServer({ pauseOnConnect: true, allowHalfOpen: true }));
    const ear = ask(connectionsTo(server.origin), { method: 'POST', body: LARGE });
    await eventually(() => server.wires.length === 1);
    server.wires[0]?.socket.end('HTTP/1.1 413 No\r\n\r\ntoo large');
    expect(await ear.end()).toBe('end');
    expect([ear.status, ear.body]).toEqual([413, 'too large']);
    server.wires[0]?.socket.resume();
    await eventually(() => server.wires[0]?.closed === true);
    expect(server.wires[0]?.got.length).toBeLessThan(LARGE.length);
  });
});

describe('a connection that its cluster closes while a request is on its way', () => {
  /** One that was used, with a second request on it that has come. */
  async function usedTwice() {
    const server = await rawServer();
    const connections = connectionsTo(server.origin);
    const first = ask(connections, { method: 'POST', body: Buffer.from('one') });
    const wire = await server.wire(0);
    wire.say(answered('one'));
    await first.end();
    const ear = ask(connections, { method: 'POST', body: Buffer.from('two') });
    await eventually(() => wire.got.endsWith('\r\n\r\ntwo'));
    return { server, wire, ear };
  }

  test.each(['end', 'resetAndDestroy'] as const)(
    '%s: asked again over a new one, and nobody hears of it',
    async (how) => {
      const { server, wire, ear } = await usedTwice();
      wire.socket[how]();
      const again = await server.wire(1);
      await eventually(() => again.got.endsWith('\r\n\r\ntwo'));
      again.say(answered('well'));
      expect(await ear.end()).toBe('end');
      expect(ear.body).toBe('well');
    },
  );

  test('over the new one too: an error, for that is no connection that was idle', async () => {
    const { server, wire, ear } = await usedTwice();
    wire.socket.end();
    (await server.wire(1)).socket.end();
    expect(await ear.end()).toBe('CLOSED');
    expect(server.wires).toHaveLength(2);
  });

  test('when an answer has begun: an error', async () => {
    const { server, wire, ear } = await usedTwice();
    wire.say('HTTP/1.1 200');
    wire.socket.end();
    expect(await ear.end()).toBe('CLOSED');
    expect(server.wires).toHaveLength(1);
  });

  test('who has stopped is not asked for again', async () => {
    const { server, wire, ear } = await usedTwice();
    ear.answering.stop();
    await eventually(() => wire.closed);
    expect(server.wires).toHaveLength(1);
    expect(ear.ends).toEqual([]);
  });
});

describe('errors', () => {
  const PARTS = {
    'before an answer': '',
    'in its head': 'HTTP/1.1 200 OK\r\ncont',
    'after an announcement': 'HTTP/1.1 100 Continue\r\n\r\n',
    'in its body': answered('whole').slice(0, -2),
    'in its chunks': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nwhole\r\n',
    'in its trailers': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n',
  };
  test.each(Object.entries(PARTS).flatMap(([at, text]) => ['end', 'resetAndDestroy'].map((how) => [how, at, text])))(
    'the cluster closes (%s) %s: reset',
    async (how, at, text) => {
      const server = await rawServer();
      const ear = ask(connectionsTo(server.origin));
      const wire = await server.wire(0);
      wire.say(text);
      if (at.startsWith('in its body')) await eventually(() => ear.body !== '');
      if (how === 'end') wire.socket.end();
      else wire.socket.resetAndDestroy();
      expect(failureOfTransport(await ear.end())).toBe('reset');
    },
  );

  test('a reset of an answer that would end with the connection is no end of it', async () => {
    const server = await rawServer();
    const ear = ask(connectionsTo(server.origin));
    const wire = await server.wire(0);
    wire.say('HTTP/1.1 200 OK\r\n\r\nsome');
    await eventually(() => ear.body === 'some');
    wire.socket.resetAndDestroy();
    expect(failureOfTransport(await ear.end())).toBe('reset');
  });

  test('what is no HTTP: reset, after what came before was heard', async () => {
    const server = await rawServer();
    const ear = ask(connectionsTo(server.origin));
    const wire = await server.wire(0);
    wire.say('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nheard\r\nnonsense\r\n');
    expect(failureOfTransport(await ear.end())).toBe('reset');
    expect([ear.status, ear.body]).toEqual([200, 'heard']);
    await eventually(() => wire.closed);
  });

  test.each(['127.0.0.1', 'localhost', '[::1]'])('nobody listens at %s: refused', async (host) => {
    const { port } = await rawServer();
    await stopAll();
    const ear = ask(connectionsTo(`http://${host}:${port}`));
    expect(failureOfTransport(await ear.end())).toBe('refused');
  });

  test('no such host: refused', async () => {
    const ear = ask(connectionsTo('http://no-such-host.invalid'));
    expect(failureOfTransport(await ear.end())).toBe('refused');
  });

  test('no connection in time: connect-timeout, and it is closed', async () => {
    const server = await rawServer(); // whose end of a TLS handshake never comes
    const ear = ask(connectionsTo(`https://127.0.0.1:${server.port}`, { connectTimeoutMs: 50 }));
    expect(failureOfTransport(await ear.end())).toBe('connect-timeout');
    await eventually(() => server.wires[0]?.closed === true);
  });

  test('an answer may take longer than a connection', async () => {
    const server = await rawServer();
    const ear = ask(connectionsTo(server.origin, { connectTimeoutMs: 1_500 }));
    const wire = await server.wire(0);
    const askedAtMs = Date.now();
    await eventually(() => Date.now() - askedAtMs > 2_000);
    wire.say(answered('late'));
    expect(await ear.end()).toBe('end');
  });

  test('the address may be of version 6', async () => {
    const server = await rawServer();
    const ear = ask(connectionsTo(`http://[::1]:${server.port}`));
    const wire = await server.wire(0);
    expect(wire.got).toContain(`host: [::1]:${server.port}\r\n`);
    wire.say(answered('six'));
    expect(await ear.end()).toBe('end');
  });
});

describe('stop', () => {
  test('while it connects', async () => {
    const server = await rawServer();
    const connections = connectionsTo(server.origin, { connectionsMax: 1 });
    const stopped = ask(connections);
    stopped.answering.stop();
    const next = ask(connections); // has the only place there is
    await eventually(() => server.wires.some(({ requests }) => requests === 1));
    server.wires.find(({ requests }) => requests === 1)?.say(answered('next'));
    expect(await next.end()).toBe('end');
    expect(stopped.ends).toEqual([]);
  });

  test.each(['', 'HTTP/1.1 200 OK\r\n', answered('whole').slice(0, -2), 'HTTP/1.1 200 OK\r\n\r\nx'])(
    'after %j came: its connection is closed, and its place is free',
    async (text) => {
      const server = await rawServer();
      const connections = connectionsTo(server.origin, { connectionsMax: 1 });
      const stopped = ask(connections);
      const wire = await server.wire(0);
      wire.say(text);
      if (text.includes('\r\n\r\n')) await eventually(() => stopped.body !== '');
      stopped.answering.stop();
      wire.say('more');
      const next = ask(connections);
      (await server.wire(1)).say(answered('next'));
      expect(await next.end()).toBe('end');
      await eventually(() => wire.closed);
      expect(stopped.ends).toEqual([]);
      expect(stopped.body).not.toContain('more');
    },
  );

  test.each(['head', 'body', 'end'] as const)('in the middle of being told: %s', async (when) => {
    const server = await rawServer();
    const connections = connectionsTo(server.origin);
    const stopped = ask(connections);
    stopped.onSomething = (what) => {
      if (what === when) stopped.answering.stop();
    };
    (await server.wire(0)).say(answered('one'));
    await eventually(() => stopped.status === 200 && (when !== 'end' || stopped.ends.length === 1));
    const next = ask(connections);
    (await server.wire(when === 'end' ? 0 : 1, when === 'end' ? 2 : 1)).say(answered('next'));
    expect(await next.end()).toBe('end');
    expect(stopped.body).toBe(when === 'head' ? '' : 'one');
    expect(stopped.ends).toEqual(when === 'end' ? ['end'] : []);
  });

  test('while it is paused, and while its end waits', async () => {
    const server = await rawServer();
    const connections = connectionsTo(server.origin);
    const paused = ask(connections);
    paused.onSomething = () => paused.answering.pause();
    const waits = ask(connections);
    waits.onSomething = () => waits.answering.pause();
    await eventually(() => server.wires.length === 2 && server.wires.every(({ requests }) => requests === 1));
    for (const wire of server.wires) wire.say(`${answered('one')}`);
    await eventually(() => paused.body === 'one' && waits.body === 'one');
    paused.answering.stop();
    waits.answering.stop();
    waits.answering.resume();
    const next = ask(connections);
    await eventually(() => server.wires.some(({ requests }) => requests === 2));
    server.wires.find(({ requests }) => requests === 2)?.say(answered('next'));
    expect(await next.end()).toBe('end');
    expect([...paused.ends, ...waits.ends]).toEqual([]);
  });

  test('over and over: nothing that was closed is held on to', async () => {
    const server = await rawServer();
    const connections = connectionsTo(server.origin, { connectionsMax: 2 });
    for (let i = 0; i < 20; i++) {
      ask(connections).answering.stop();
      const ear = ask(connections);
      ear.onSomething = () => ear.answering.stop();
      await eventually(() => server.wires.some((wire) => wire.requests === 1 && !wire.closed));
      for (const wire of server.wires) if (wire.requests === 1 && !wire.closed) wire.say(answered('one'));
      await eventually(() => ear.status === 200);
    }
    await eventually(() => server.wires.every(({ closed }) => closed));
  });
});

describe('pause', () => {
  test('holds back the rest and the end; the connection is free for others meanwhile', async () => {
    const server = await rawServer();
    const connections = connectionsTo(server.origin);
    const ear = ask(connections);
    ear.onSomething = () => ear.answering.pause();
    const wire = await server.wire(0);
    wire.say(answered('one'));
    await eventually(() => ear.body === 'one');
    const other = ask(connections);
    (await server.wire(0, 2)).say(answered('two'));
    expect(await other.end()).toBe('end');
    expect(ear.ends).toEqual([]);
    ear.answering.resume();
    expect(ear.ends).toEqual(['end']);
    ear.answering.resume();
    expect(ear.ends).toEqual(['end']);
  });

  test('the cluster feels that nobody reads, and all of it comes after resume', async () => {
    const server = await rawServer();
    const ear = ask(connectionsTo(server.origin));
    ear.onSomething = (what) => {
      if (what === 'head') ear.answering.pause();
    };
    const wire = await server.wire(0);
    wire.say(`HTTP/1.1 200 OK\r\n\r\n`);
    await eventually(() => ear.status === 200);
    wire.socket.end(LARGE);
    // An echo on another connection comes back while this one stands still.
    const other = ask(connectionsTo(server.origin));
    (await server.wire(1)).say(answered('x'));
    await other.end();
    expect(wire.socket.writableLength).toBeGreaterThan(0);
    expect([ear.body.length, ear.ends]).toEqual([0, []]);
    ear.answering.resume();
    expect(await ear.end()).toBe('end');
    expect(ear.body.length).toBe(LARGE.length);
  });

  test('before it has a connection: the one that it gets stands still', async () => {
    const server = await rawServer();
    const connections = connectionsTo(server.origin, { connectionsMax: 1 });
    const first = ask(connections);
    const waiting = ask(connections);
    waiting.answering.pause();
    (await server.wire(0)).say(answered('one'));
    await first.end();
    (await server.wire(0, 2)).say(answered('two'));
    const other = ask(connectionsTo(server.origin));
    (await server.wire(1)).say(answered('x'));
    await other.end();
    expect(waiting.status).toBe(0);
    waiting.answering.resume();
    expect(await waiting.end()).toBe('end');
  });
});

describe('at the most connections', () => {
  test('the others wait in order, and who has stopped is passed over', async () => {
    const server = await rawServer();
    const connections = connectionsTo(server.origin, { connectionsMax: 1 });
    const ears = ['/0', '/1', '/2', '/3', '/4'].map((path) => ask(connections, { path }));
    ears[1]?.answering.stop();
    ears[3]?.answering.stop();
    for (const [i, n] of [0, 2, 4].entries()) {
      const wire = await server.wire(0, i + 1);
      wire.say(answered(String(n)));
      expect(await ears[n]?.end()).toBe('end');
      expect(ears[n]?.body).toBe(String(n));
    }
    expect(server.wires[0]?.got.match(/\/\d HTTP/g)).toEqual(['/0 HTTP', '/2 HTTP', '/4 HTTP']);
    expect(server.wires).toHaveLength(1);
    expect([ears[1]?.ends, ears[3]?.ends]).toEqual([[], []]);
  });

  test('who waits gets a new connection where the old one breaks, also where none comes about', async () => {
    const server = await rawServer();
    const connections = connectionsTo(server.origin, { connectionsMax: 1 });
    const [first, second, third] = [ask(connections), ask(connections), ask(connections)];
    (await server.wire(0)).socket.destroy();
    expect(failureOfTransport(await first.end())).toBe('reset');
    (await server.wire(1)).say(answered('two', 'connection: close\r\n'));
    expect(await second.end()).toBe('end');
    (await server.wire(2)).say(answered('three'));
    expect(await third.end()).toBe('end');
    await stopAll();
    const nowhere = connectionsTo(server.origin, { connectionsMax: 1 });
    for (const ear of [ask(nowhere), ask(nowhere), ask(nowhere)]) {
      expect(failureOfTransport(await ear.end())).toBe('refused');
    }
  });
});

describe('the end', () => {
  test('close: what runs and what waits come to their end, and nothing idle is left', async () => {
    const server = await rawServer();
    const connections = connectionsTo(server.origin, { connectionsMax: 2 });
    const idle = ask(connections);
    (await server.wire(0)).say(answered('idle'));
    await idle.end();
    const running = ask(connections);
    const other = ask(connections);
    const waiting = ask(connections);
    await eventually(() => server.wires.length === 2 && server.wires[1]?.requests === 1);
    server.wires[1]?.say(answered('other'));
    await other.end();
    await eventually(() => server.wires[1]?.requests === 2);
    connections.close();
    (await server.wire(0, 2)).say(answered('running'));
    server.wires[1]?.say(answered('waiting'));
    expect([await running.end(), await waiting.end()]).toEqual(['end', 'end']);
    ask(connections); // would take one of theirs, were it still there
    await eventually(() => server.wires[2]?.requests === 1);
    connections.destroy();
    await eventually(() => server.wires.every(({ closed }) => closed));
  });

  test('close closes what is idle at once', async () => {
    const server = await rawServer();
    const connections = connectionsTo(server.origin);
    const idle = ask(connections);
    (await server.wire(0)).say(answered('idle', 'keep-alive: timeout=600\r\n'));
    await idle.end();
    connections.close();
    await eventually(() => server.wires[0]?.closed === true);
  });

  test('destroy: all that runs and waits hears of an error, once', async () => {
    const server = await rawServer();
    const connections = connectionsTo(server.origin, { connectionsMax: 2 });
    const ears = [ask(connections), ask(connections), ask(connections), ask(connections)];
    await eventually(() => server.wires.length === 2 && server.wires.every(({ requests }) => requests === 1));
    server.wires[0]?.say(answered('half').slice(0, -2));
    await eventually(() => ears.some(({ body }) => body !== ''));
    connections.destroy();
    expect(ears.map(({ ends }) => ends.map(failureOfTransport))).toEqual(ears.map(() => ['reset']));
    await eventually(() => server.wires.every(({ closed }) => closed));
    expect(ears.every(({ ends }) => ends.length === 1)).toBe(true);
  });
});
