/** Certificates for the admin API, each as the text of a PEM file. */

export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** Who signs the certificates that clients must show; absent: they need none. */
  readonly clientCa?: string;
}

export interface ClientTls {
  readonly cert?: string;
  readonly key?: string;
  /** Who signs the gateway's; absent: the system's authorities. */
  readonly ca?: string;
}
