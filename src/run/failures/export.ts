import { exitCodes, row } from "../failure.ts";

/** Of `heros export`. */
export const exportFailures = {
  "export.foreign_file": row<{ readonly file: string }>({
    exitCode: exitCodes.usage,
    message: ({ file }) => `${file} was not written by heros, so heros does not overwrite it.`,
    hint: () => "Nothing was written. Move it away, or choose another place with --out.",
  }),
  "export.not_writable": row<{ readonly path: string; readonly errno: string }>({
    exitCode: exitCodes.failed,
    message: ({ path, errno }) => `${path} can't be written (${errno}).`,
    hint: () => "Choose another place with --out.",
  }),
  "export.needs_compose": row<{ readonly why: string }>({
    exitCode: exitCodes.machine,
    message: ({ why }) =>
      `The stack's compose files include or extend other files, which only Docker Compose puts together: ${why}.`,
    hint: () => "Run it where docker compose works (heros doctor compose), or merge those files.",
  }),
};
