/** Where releases of the Temporal CLI come from. */
export interface ReleaseUrls {
  readonly archive: (release: Release) => string;
  /** Text of `<sha256>  <file name>` lines. */
  readonly checksums: (release: Release) => string;
  /** Hosts to which the list may be sent on, as the release's own storage. */
  readonly hosts: readonly string[];
}

export interface Release {
  readonly version: string;
  readonly platform: string;
  readonly arch: string;
}

export const OFFICIAL_RELEASES: ReleaseUrls = {
  archive: ({ version, platform, arch }) =>
    `https://temporal.download/cli/archive/v${version}?platform=${platform}&arch=${arch}`,
  checksums: ({ version }) => `https://github.com/temporalio/cli/releases/download/v${version}/checksums.txt`,
  // Where GitHub keeps the files of releases.
  hosts: ['objects.githubusercontent.com', 'release-assets.githubusercontent.com'],
};
