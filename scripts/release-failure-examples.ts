/** As those of `scripts/failure-examples.ts`, of the versions of heros. */
export const releaseFailureExamples = {
  "release.bad_archive": [{ name: "heros-0.2.0-linux-arm64.tar.xz", why: "tar can't read it" }],
  "release.bad_base": [{ base: "ftp://example.com/heros" }],
  "release.bad_signature": [{ base: "https://example.com/heros" }],
  "release.broken": [{ version: "0.2.0", why: "exec format error" }],
  "release.busy": [{ holder: "PID 20923" }],
  "release.foreign_launcher": [{ file: "/home/ann/.local/bin/heros" }],
  "release.from_checkout": [{ folder: "/home/ann/heros" }],
  "release.from_npm": [
    { folder: "/usr/local/lib/node_modules/heros" },
    { folder: "/home/ann/.npm/_npx/0f1e2d3c/node_modules/heros" },
  ],
  "release.not_beside": [
    { file: "/home/ann/heros-0.2.0-linux-arm64.tar.xz", name: "SHA256SUMS.sig" },
  ],
  "release.not_listed": [{ file: "/home/ann/heros-0.2.0-linux-arm64.tar.xz" }],
  "release.hash_mismatch": [{ name: "heros-0.2.0-linux-arm64.tar.xz", sha256: "ab".repeat(32) }],
  "release.no_platform": [
    { platform: "linux-x64", folder: "https://example.com/heros/latest/download" },
  ],
  "release.no_previous": [{ now: "0.1.0" }],
  "release.no_ssh_keygen": [undefined],
  "release.no_tree": [{ folder: "/home/ann/Downloads" }],
  "release.noexec": [{ folder: "/home/ann/.local/share/heros/versions" }],
  "release.not_found": [{ url: "https://example.com/heros/download/v7.0.0/SHA256SUMS" }],
  "release.not_installed": [{ folder: "/home/ann/heros" }],
  "release.not_writable": [{ folder: "/opt/heros", errno: "EACCES" }],
  "release.older": [{ current: "0.2.0", latest: "0.1.0" }],
  "release.unreachable": [{ base: "https://example.com/heros", reason: "the connection was cut" }],
  "release.wrong_platform": [{ platform: "linux-arm64", machine: "linux-x64" }],
  "release.wrong_version": [{ wanted: "0.2.0", found: "0.1.0" }],
} as const;
