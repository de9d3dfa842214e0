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
  /** Temporal of somebody else, by --temporal; `null`: as configured, else an embedded one. */
  readonly temporal: { readonly address: string; readonly namespace: string } | null;
  /** Draw a live picture instead of writing lines. */
  readonly live: boolean;
}
