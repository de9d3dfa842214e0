/** What every boundary of the gateway has around it: the processes, an honest caller, and two clusters that are not honest. */
import { randomBytes } from 'node:crypto';
import type { ServiceDefinition } from '../../../src/domain/traffic.js';
import { Broken } from '../boundary.js';
import { GatewayUnderTest, type Start } from './gateway-under-test.js';
import { GoodCaller, HonestCluster } from './good-caller.js';
import { HostileCluster, MARK_PATTERN } from './hostile-cluster.js';
import { mustBeAnswers } from './raw-caller.js';

/** The service that is attacked. */
export const SERVICE = 'fz';

/** Looks at the memory before the first comparison: caches and compiled code have what they need by then. */
const WARM_UP_LOOKS = 5;
/** Far above what garbage that waits for its collector takes, far below what a leak of each case is after an hour. */
const GROWTH_MAX = 200 << 20;

export class GatewayArena {
  readonly gateway: GatewayUnderTest;
  readonly first: HostileCluster;
  readonly second: HostileCluster;
  readonly #honest: HonestCluster;
  readonly #caller: GoodCaller;
  readonly #memory: number[] = [];

  private constructor(parts: readonly [GatewayUnderTest, HonestCluster, HostileCluster, HostileCluster]) {
    [this.gateway, this.#honest, this.first, this.second] = parts;
    this.#caller = new GoodCaller(this.gateway.url);
  }

  static async open(start: Omit<Start, 'calmUrl'>): Promise<GatewayArena> {
    const honest = await HonestCluster.start();
    const gateway = await GatewayUnderTest.start({ ...start, calmUrl: honest.url });
    return new GatewayArena([gateway, honest, await HostileCluster.start(), await HostileCluster.start()]);
  }

  /** The attacked service anew: primary and standby are the two clusters that are not honest. */
  async define(engine: string, change: Partial<ServiceDefinition> = {}): Promise<void> {
    const member = (cluster: string, url: string): object => ({ cluster, url, engine, model: 'm', concurrency: 64 });
    const members = [member('a', this.first.url), member('b', this.second.url)];
    const home = { a: 100, b: 0 };
    const definition = { service: SERVICE, strategy: 'primary-standby', members, home, ...change };
    await this.gateway.define(definition as unknown as ServiceDefinition);
  }

  /** What must hold after each case. @throws Broken */
  async check(): Promise<void> {
    this.gateway.mustBeWhole();
    this.first.mustBeAskedWell();
    this.second.mustBeAskedWell();
    await this.gateway.idle(SERVICE);
    this.#caller.mustBeContent();
    this.gateway.mustBeWhole();
  }

  /** @throws Broken when the memory only grows, or nobody was served */
  async checkNowAndThen(): Promise<void> {
    if (this.#caller.answered === 0) throw new Broken('the honest caller got no answer at all');
    this.#memory.push(await this.gateway.residentBytes());
    const warm = this.#memory.slice(0, WARM_UP_LOOKS);
    const newest = this.#memory.slice(WARM_UP_LOOKS).slice(-WARM_UP_LOOKS);
    if (newest.length < WARM_UP_LOOKS) return;
    const growth = Math.min(...newest) - Math.max(...warm);
    if (growth > GROWTH_MAX) throw new Broken(`memory grew by ${growth} bytes: ${this.#memory.join(', ')}`);
  }

  async close(): Promise<void> {
    await this.#caller.leave();
    await this.gateway.close();
    for (const server of [this.#honest, this.first, this.second]) await server.close();
  }
}

/** Words by which one caller is told from all others. */
export const newMark = (): string => `mk-${randomBytes(7).toString('hex')}`;

/** What one caller got is an answer by the book, and of nobody else. @throws Broken */
export function mustBeItsOwn(bytes: string, mark: string, headOnly = false): void {
  mustBeAnswers(bytes, headOnly);
  const foreign = [...bytes.matchAll(MARK_PATTERN)].map(([found]) => found).find((found) => found !== mark);
  if (foreign !== undefined) throw new Broken(`the caller ${mark} got words of ${foreign}: ${bytes.slice(0, 1_000)}`);
}
