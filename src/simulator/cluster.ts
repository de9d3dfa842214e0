/**
 * A simulated LLM cluster as real processes: this host owns the faults and their control API, and forks the child that
 * serves. What the faults want of the child is decided in `desired-process.ts`; here it is brought about, one change
 * after the other.
 */
import { messageOf } from '../domain/describe-error.js';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CodedError } from '../domain/errors.js';
import { createControlServer, type ClusterState, type Controlled } from './control-server.js';
import { desiredProcess } from './desired-process.js';
import { FaultBoard } from './fault-board.js';
import type { ActiveFault, Fault, FaultKind } from './faults.js';
import { ServingProcess } from './serving-process.js';
import { SETTINGS_DEFAULT, type ClusterSettings } from './settings.js';

export interface ClusterOptions extends Partial<ClusterSettings> {
  readonly name: string;
  /** Port of the control API, on loopback; 0: the operating system chooses. */
  readonly controlPort?: number;
  /** Compiled entry of the serving child; the built one by default. */
  readonly serveEntry?: URL;
}

export interface SimulatedCluster {
  readonly name: string;
  readonly url: string;
  readonly controlUrl: string;
  state(): ClusterState;
  /** Puts a fault on and resolves when it is felt. */
  putFault(fault: Fault, durationMs: number | null): Promise<ActiveFault>;
  /** Takes one kind of fault off, or all with `null`, and resolves when the cluster serves as it then should. */
  clearFaults(kind: FaultKind | null): Promise<readonly FaultKind[]>;
  close(): Promise<void>;
}

const RESTART_MS = 500;
const CONTROL_HOST = '127.0.0.1';

/**
 * Starts a cluster and resolves when it serves.
 * @throws CodedError `port-taken` when a port cannot be had
 */
export async function runSimulatedCluster(options: ClusterOptions): Promise<SimulatedCluster> {
  const { controlPort = 0, serveEntry, ...given } = options;
  const host = new ClusterHost({ ...SETTINGS_DEFAULT, ...given }, serveEntry);
  const control = createControlServer(host);
  try {
    await host.reconcile();
    await listen(control, controlPort, options.name);
  } catch (error) {
    await host.close();
    throw error;
  }
  const controlUrl = `http://${CONTROL_HOST}:${String((control.address() as AddressInfo).port)}`;
  return {
    name: options.name,
    url: host.state().url,
    controlUrl,
    state: () => host.state(),
    putFault: async (fault, durationMs) => await host.putFault(fault, durationMs),
    clearFaults: async (kind) => await host.clearFaults(kind),
    close: async () => {
      control.close();
      control.closeAllConnections();
      await host.close();
    },
  };
}

async function listen(server: Server, port: number, name: string): Promise<void> {
  server.listen(port, CONTROL_HOST);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new CodedError(
      'port-taken',
      `the control port ${String(port)} of ${name} cannot be had: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

class ClusterHost implements Controlled {
  readonly #settings: ClusterSettings;
  readonly #serving: ServingProcess;
  readonly #board = new FaultBoard(() => {
    this.#reconcileLater();
  });
  #changes: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(settings: ClusterSettings, serveEntry: URL | undefined) {
    this.#settings = settings;
    this.#serving = new ServingProcess(settings, serveEntry, () => {
      this.#reconcileAfter(RESTART_MS);
    });
  }

  state(): ClusterState {
    return {
      cluster: this.#settings.name,
      url: `http://${this.#settings.host}:${String(this.#serving.port)}`,
      servingPid: this.#serving.pid,
      frozen: this.#serving.isFrozen,
      faults: this.#board.list(),
    };
  }

  async putFault(fault: Fault, durationMs: number | null): Promise<ActiveFault> {
    const active = this.#board.put(fault, durationMs);
    await this.reconcile();
    return active;
  }

  async clearFaults(kind: FaultKind | null): Promise<readonly FaultKind[]> {
    const cleared = this.#board.clear(kind);
    await this.reconcile();
    return cleared;
  }

  /** Brings the child to what the faults want now; changes never overlap. */
  async reconcile(): Promise<void> {
    const change = this.#changes.then(async () => {
      await this.#apply();
    });
    this.#changes = change.catch(() => undefined);
    await change;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#board.clear(null);
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#changes;
    await this.#serving.kill();
  }

  async #apply(): Promise<void> {
    if (this.#closed) return;
    const faults = this.#board.list();
    const { up, frozen, changesAtMs } = desiredProcess(faults, Date.now());
    if (changesAtMs !== null) this.#reconcileAfter(changesAtMs - Date.now());
    if (!up) {
      await this.#serving.kill();
      return;
    }
    if (!this.#serving.isUp) await this.#serving.start(faults);
    else if (this.#serving.isFrozen && !frozen) this.#serving.thaw();
    await this.#serving.setFaults(faults);
    if (frozen) this.#serving.freeze();
  }

  #reconcileAfter(ms: number): void {
    if (this.#closed) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#reconcileLater();
      },
      Math.max(0, ms),
    );
  }

  /** Nobody waits for this change: a child that cannot start is tried again. */
  #reconcileLater(): void {
    this.reconcile().catch(() => {
      this.#reconcileAfter(RESTART_MS);
    });
  }
}
