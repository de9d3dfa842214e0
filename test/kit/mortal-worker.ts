/** A control worker that can die as by `kill -9`, and come back: its wire to Temporal is cut, so nothing it still does is heard. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { startControlWorker, type ControlWorkerOptions } from '../../src/workers/control.js';

export interface MortalWorker {
  /** Nothing that it says from now on is heard, and it hears nothing. `next`: what is different about the next one. */
  die(next?: Partial<ControlWorkerOptions>): Promise<void>;
  /** Another one takes over, at once. */
  comeBack(): void;
  /** Ends them all, the dead ones too. */
  stop(): Promise<void>;
}

export async function startMortalWorker(options: ControlWorkerOptions): Promise<MortalWorker> {
  const ends: Promise<void>[] = [];
  let life = await prepare(options);
  ends.push(life.run());
  return {
    die: async (next = {}) => {
      life.die();
      // Ready to begin, so that it comes back in the moment in which the test wants it.
      life = await prepare({ ...options, ...next });
    },
    comeBack: () => void ends.push(life.run()),
    stop: async () => {
      life.shutdown();
      await Promise.all(ends);
    },
  };
}

interface Life {
  run(): Promise<void>;
  die(): void;
  shutdown(): void;
}

async function prepare(options: ControlWorkerOptions): Promise<Life> {
  const wire = await openWire(options.address);
  const worker = await startControlWorker({ ...options, address: wire.address });
  let dead = false;
  const run = async (): Promise<void> => {
    try {
      await worker.run();
    } catch (error) {
      if (!dead) throw error;
    } finally {
      wire.cut();
    }
  };
  return {
    run,
    die: () => {
      dead = true;
      wire.cut();
      worker.shutdown();
    },
    shutdown: () => worker.shutdown(),
  };
}

async function openWire(address: string): Promise<{ readonly address: string; cut(): void }> {
  const [host = '', port = ''] = address.split(':');
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), host);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
