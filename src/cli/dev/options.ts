/** What `understudy dev` was asked for, checked. */
export interface DevOptions {
  /** Absolute path; `null` for the simulated fleet. */
  readonly configFile: string | null;
  readonly portBase: number;
  /** Absolute path. */
  readonly dataDir: string;
  readonly load: boolean;
  /** Simulated requests per second. */
  readonly rate: number;
  /** Draw a live picture instead of writing lines. */
  readonly live: boolean;
}
