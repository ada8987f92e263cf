/** Examples of `heros export`'s failures. */
export const exportFailureExamples = {
  "export.foreign_file": [{ file: "/home/ann/her-os/docker-compose.export.yml" }],
  "export.needs_compose": [{ why: "docker is not installed" }],
  "export.not_writable": [{ path: "/srv/Dockerfile", errno: "EACCES" }],
} as const;
