import { exitCodes } from "../exit-codes.ts";
import { Failure } from "../failure.ts";
import { inFolder, quoted } from "../shell-quote.ts";
import { row } from "./row.ts";

const again = "then run heros setup again.";

interface Said {
  /** Docker's own words. */
  readonly said: string;
}

/** A port that the stack needs, and who has it. */
type TakenPort =
  /** The machine's check found it: `by` as a person calls it, `remedy` what frees it. */
  | { readonly from: "check"; readonly port: number; readonly by: string; readonly remedy: string }
  /** Docker refused it; `service` where it is not the one whose port heros chooses. */
  | ({
      readonly from: "docker";
      readonly port: string | null;
      readonly by: "container" | "program";
      readonly service: string | null;
    } & Said);

/** The same failure of a start that left containers running: what runs, and what stops it, is said too. */
export function halfStarted(
  reason: Failure,
  { running, stackDir }: { readonly running: readonly string[]; readonly stackDir: string },
): Failure {
  const { code, message, hint, exitCode, cause } = reason;
  const stop = inFolder(stackDir, "docker compose stop");
  return new Failure({
    code,
    message,
    hint: `${hint} Running already: ${running.join(", ")}; stop with: ${stop}`,
    exitCode,
    cause,
  });
}

export const stackFailures = {
  "compose.missing": row<Said | undefined>({
    exitCode: exitCodes.machine,
    message: (data) =>
      data === undefined
        ? "Docker has no compose plugin, which starts Annie's containers."
        : `Docker has no compose plugin. Docker says: ${data.said}`,
    hint: () => "Install it with: sudo apt-get install docker-compose-plugin",
  }),
  "port.taken": row<TakenPort>({
    exitCode: exitCodes.machine,
    message: (taken) => {
      if (taken.from === "check") {
        return `Port ${taken.port}, where Annie answers, is taken by ${taken.by}.`;
      }
      const { port, service, by, said } = taken;
      const of = service === null ? "" : ` of ${service}`;
      return port === null
        ? `A port that the stack needs is taken. Docker says: ${said}`
        : `Port ${port}${of} is taken by another ${by}. Docker says: ${said}`;
    },
    hint: (taken) => {
      if (taken.from === "check") return taken.remedy;
      const other =
        taken.service === null
          ? "or choose another port with --port."
          : `or give ${taken.service} another port in your compose file.`;
      return taken.by === "container"
        ? `Stop that container (docker ps shows it), ${other}`
        : `Stop that program (sudo ss -ltnp shows it), ${other}`;
    },
  }),
  "stack.address_unknown": row<Said>({
    exitCode: exitCodes.machine,
    message: ({ said }) =>
      `A port is to be opened at an address that this machine does not have. Docker says: ${said}`,
    hint: () => `Correct HER_OS_BIND in .env, or the ports of the compose file, ${again}`,
  }),
  "stack.folder_missing": row<
    | ({ readonly needs: "service"; readonly folder: string | null } & Said)
    | { readonly needs: "stack"; readonly folder: string }
  >({
    exitCode: exitCodes.failed,
    message: (data) =>
      data.needs === "stack"
        ? `There is no stack in ${data.folder}.`
        : `Docker finds no folder ${data.folder ?? "of the stack"}, which Annie needs. Docker says: ${data.said}`,
    hint: ({ needs }) =>
      needs === "stack"
        ? "Run heros setup, which writes it."
        : "Run heros setup again: it makes the folders that Annie needs.",
  }),
  "stack.name_taken": row<Said & { name: string }>({
    exitCode: exitCodes.failed,
    message: ({ name, said }) => `Another container is named ${name} already. Docker says: ${said}`,
    hint: () => `Take container_name out of the compose file, or rename that container, ${again}`,
  }),
  "stack.base_invalid": row<Said | { readonly problem: string; readonly remedy: string }>({
    exitCode: exitCodes.usage,
    message: (data) =>
      "said" in data
        ? `Docker Compose does not accept the stack's files. Docker says: ${data.said}`
        : `${data.problem}.`,
    hint: (data) =>
      "said" in data
        ? "Run `docker compose config -q` in the stack's folder to see where."
        : data.remedy,
  }),
  "stack.compose_failed": row<Said & { stackDir: string }>({
    exitCode: exitCodes.failed,
    message: ({ stackDir, said }) =>
      `Docker Compose could not start the stack in ${stackDir}${said === "" ? "" : `: ${said}`}`,
    hint: ({ stackDir }) => `Try it by hand: ${inFolder(stackDir, "docker compose up -d")}`,
  }),
  "stack.no_port": row<{ service: string; networkMode: string }>({
    exitCode: exitCodes.usage,
    message: ({ service, networkMode }) =>
      `${service} has network_mode ${networkMode}, and nothing publishes her port 8000.`,
    hint: () =>
      'Publish it where her network is, in your compose file: ports: ["127.0.0.1:8000:8000"]',
  }),
  "stack.profile_off": row<{ service: string; profiles: readonly string[]; stackDir: string }>({
    exitCode: exitCodes.usage,
    message: ({ service, profiles }) =>
      `${service} is in the profile ${profiles.join(", ")}, which is off, so compose would not start her.`,
    hint: ({ profiles, stackDir }) =>
      `Switch it on with this line in ${stackDir}/.env: COMPOSE_PROFILES=${profiles[0] ?? ""}`,
  }),
  "stack.other_owner": row<{ place: string; owner: string; asRoot: boolean }>({
    exitCode: exitCodes.failed,
    message: ({ place, owner, asRoot }) =>
      asRoot
        ? `${place} belongs to ${owner}, and heros is running as root.`
        : `heros needs to change ${place}, which belongs to ${owner}.`,
    hint: ({ owner, asRoot }) =>
      asRoot
        ? `Run heros setup as ${owner}, without sudo. If Docker refuses: sudo usermod -aG docker ${quoted(owner)}, then log in again.`
        : `Run heros setup as ${owner}, or choose a folder of your own with --stack-dir.`,
  }),
  "stack.password_lost": row<{ name: string; place: string; envPath: string }>({
    exitCode: exitCodes.usage,
    message: ({ name, place }) =>
      `There is already a database in ${place}, and ${name}, which it was made with, is not set.`,
    hint: ({ name, envPath }) =>
      `Put its line, ${name}=…, back into ${envPath}, then run heros setup again. A new password would not open that database.`,
  }),
  "stack.project_taken": row<{ name: string; folder: string }>({
    exitCode: exitCodes.machine,
    message: ({ name, folder }) =>
      `Docker Compose has a stack named ${name} already, from ${folder}.`,
    hint: ({ folder }) =>
      `Use that one: heros setup --stack-dir ${quoted(folder)}. Or give yours a folder with another name (--stack-dir). Or, if yours replaces it: ${inFolder(folder, "docker compose down")}`,
  }),
  "stack.changed": row<{ file: string; before: string }>({
    exitCode: exitCodes.failed,
    message: ({ file }) => `${file} was changed while heros was getting ready to write it.`,
    hint: ({ before }) => `${before}Run heros setup again.`,
  }),
  "stack.env_invalid": row<{ file: string; problem: string }>({
    exitCode: exitCodes.usage,
    message: ({ file, problem }) => `${file} is wrong: ${problem}.`,
    hint: () => "Correct the file, in UTF-8, then run heros setup again.",
  }),
};
