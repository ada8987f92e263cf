import { exitCodes, Failure } from "../progress/failure.ts";
import type { DockerAnswer } from "./docker-info.ts";
import type { Finding } from "./finding.ts";
import { readTextInTime } from "./read-files.ts";
import { lateText, type Probe } from "./time-limit.ts";

/** Whether the user is in the docker group by now, so that a new login is all that is missing. */
export async function inDockerGroup(probe: Probe): Promise<boolean> {
  const user = probe.host.env["USER"] ?? probe.host.env["LOGNAME"];
  const groups = await readTextInTime(probe, "/etc/group");
  if (user === undefined || groups === null) return false;
  const members = /^docker:[^:]*:\d*:(.*)$/m.exec(groups)?.[1] ?? "";
  return members.split(",").includes(user);
}

export function judgeDocker(
  answer: DockerAnswer,
  { grouped, limitMs }: { readonly grouped: boolean } & Pick<Probe, "limitMs">,
): Finding {
  switch (answer.state) {
    case "running":
      return { status: "ok", found: `Docker ${answer.info.version}` };
    case "missing":
      return broken({
        code: "docker.missing",
        found: "not installed",
        message: "Docker is not installed on this machine, and Annie runs in its containers.",
        remedy: "curl -fsSL https://get.docker.com | sudo sh",
        hint: "Install it with: curl -fsSL https://get.docker.com | sudo sh",
      });
    case "down": {
      const own = answer.socket?.startsWith("unix:///run/user/") === true;
      const remedy = own ? "systemctl --user start docker" : "sudo systemctl start docker";
      return broken({
        code: "docker.daemon_down",
        found: "installed, but not running",
        message: `Docker is installed, but does not answer${answer.socket === null ? "" : ` at ${answer.socket}`}.`,
        remedy,
        hint: `Start it with: ${remedy}`,
      });
    }
    case "denied": {
      const remedy = grouped
        ? "Log out and in again: you are in the docker group, but this login is older."
        : "sudo usermod -aG docker $USER, then log out and in again";
      return broken({
        code: "docker.no_permission",
        found: "runs, but you may not use it",
        message: "Docker runs, but you may not use it yet.",
        remedy,
        hint: grouped ? remedy : `Run: ${remedy}.`,
      });
    }
    case "unclear":
      return {
        status: "warning",
        found: `docker info says: ${answer.reason}`,
        remedy: "See what docker info says, and whether docker ps works.",
      };
    case "late":
      return {
        status: "warning",
        found: `docker info: ${lateText({ limitMs })}`,
        remedy: "sudo systemctl restart docker",
      };
  }
}

function broken({
  code,
  found,
  message,
  remedy,
  hint,
}: Readonly<Record<"code" | "found" | "message" | "remedy" | "hint", string>>): Finding {
  return {
    status: "failed",
    found,
    remedy,
    failure: new Failure({ code, message, hint, exitCode: exitCodes.machine }),
  };
}
