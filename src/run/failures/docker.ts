import { exitCodes } from "../failure.ts";
import { row } from "./row.ts";

export const dockerFailures = {
  "docker.missing": row({
    exitCode: exitCodes.machine,
    message: () => "Docker is not installed.",
    hint: () => "Install it with: curl -fsSL https://get.docker.com | sudo sh",
  }),
};
