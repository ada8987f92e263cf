import { exitCodes, type Failure, retold, row } from "../failure.ts";
import { inFolder, quoted } from "../shell-quote.ts";

const again = "then run heros setup again.";

interface Said {
  /** Docker's own words. */
  readonly said: string;
}

/** What compose is asked to do with a stack, in its own word. */
export type StackAction = "up" | "down" | "restart" | "logs" | "config";

const actionWords: Readonly<Record<StackAction, string>> = {
  up: "start",
  down: "stop",
  restart: "restart",
  logs: "show the logs of",
  config: "read",
};

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

/** Something that a stack needs, and that something else of this machine has. */
export interface Clash {
  readonly kind: "project" | "name" | "port" | "volume" | "network";
  /** "container name core", "port 8000". */
  readonly what: string;
  /** What follows it: "is used by the container web-1 of the stack web in /srv/web". */
  readonly problem: string;
  /** What to do: a command, or a line of a file. */
  readonly fix: string;
  /** Of the port where the stack answers. */
  readonly isOwn?: true;
  readonly project?: TakenProject;
}

interface TakenProject {
  readonly name: string;
  /** Of the other stack, and of this one. */
  readonly folder: string;
  readonly stackDir: string;
}

export function projectFix({ name, folder, stackDir }: TakenProject): string {
  return `use that one (heros setup --stack-dir ${quoted(folder)}), or give this one a name of its own (COMPOSE_PROJECT_NAME=${name}-2 in ${stackDir}/.env), or stop that one, if this one replaces it (${inFolder(folder, "docker compose down")})`;
}

function stacksList(known: readonly string[]): string {
  return `Name one of them: ${known.map((each) => `--stack ${quoted(each)}`).join(", ")}`;
}

/** A sentence. */
function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** A failure of a start that left containers running: its hint says which, and what stops them. */
export function halfStarted(
  reason: Failure,
  { running, stackDir }: { readonly running: readonly string[]; readonly stackDir: string },
): Failure {
  const stop = inFolder(stackDir, "docker compose stop");
  return retold(reason, {
    hint: `${reason.hint} Already running: ${running.join(", ")}. Stop them: ${stop}`,
  });
}

export const stackFailures = {
  "compose.missing": row<Said | undefined>({
    exitCode: exitCodes.machine,
    message: (data) =>
      data === undefined
        ? "Docker Compose is not installed, and {assistant}'s containers need it."
        : `Docker Compose is not installed. Docker says: ${data.said}`,
    hint: () => "Install it: sudo apt-get install docker-compose-plugin",
  }),
  "port.taken": row<TakenPort>({
    exitCode: exitCodes.machine,
    message: (taken) => {
      if (taken.from === "check") {
        return `Port ${taken.port}, which {assistant} needs, is in use by ${taken.by}.`;
      }
      const { port, service, by, said } = taken;
      const of = service === null ? "" : `, which ${service} needs,`;
      return port === null
        ? `A port that the stack needs is in use. Docker says: ${said}`
        : `Port ${port}${of} is in use by another ${by}. Docker says: ${said}`;
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
      `A port is bound to an address that this machine does not have. Docker says: ${said}`,
    hint: () => `Correct the address in .env, or the ports in the compose file, ${again}`,
  }),
  "stack.folder_missing": row<
    | ({ readonly needs: "service"; readonly folder: string | null } & Said)
    | { readonly needs: "stack"; readonly folder: string }
  >({
    exitCode: exitCodes.failed,
    message: (data) =>
      data.needs === "stack"
        ? `There is no stack in ${data.folder}.`
        : `Docker can't find ${data.folder === null ? "a folder" : `the folder ${data.folder}`} that {assistant} needs. Docker says: ${data.said}`,
    hint: ({ needs }) =>
      needs === "stack"
        ? "Create it: heros setup"
        : "Run heros setup again: it creates the folders that {assistant} needs.",
  }),
  "stack.name_taken": row<Said & { name: string }>({
    exitCode: exitCodes.failed,
    message: ({ name, said }) => `A container named ${name} already exists. Docker says: ${said}`,
    hint: () => `Remove container_name from the compose file, or rename that container, ${again}`,
  }),
  "stack.base_invalid": row<Said | { readonly problem: string; readonly remedy: string }>({
    exitCode: exitCodes.usage,
    message: (data) =>
      "said" in data
        ? `Docker Compose rejects the stack's files. Docker says: ${data.said}`
        : `${data.problem}.`,
    hint: (data) =>
      "said" in data
        ? "Find the error: run docker compose config -q in the stack's folder."
        : data.remedy,
  }),
  "stack.compose_failed": row<Said & { stackDir: string; action?: StackAction }>({
    exitCode: exitCodes.failed,
    message: ({ stackDir, said, action = "up" }) =>
      `Docker Compose could not ${actionWords[action]} the stack in ${stackDir}${said === "" ? "" : `: ${said}`}`,
    hint: ({ stackDir, action = "up" }) =>
      `Try it yourself: ${inFolder(stackDir, `docker compose ${action === "up" ? "up -d" : action}`)}`,
  }),
  "stack.service_unknown": row<{ service: string; services: readonly string[]; stackDir: string }>({
    exitCode: exitCodes.usage,
    message: ({ service, stackDir }) => `The stack in ${stackDir} has no service ${service}.`,
    hint: ({ services }) => `Its services: ${services.join(", ")}`,
  }),
  "stack.unknown": row<{ name: string; known: readonly string[] }>({
    exitCode: exitCodes.usage,
    message: ({ name, known }) =>
      known.length === 0
        ? `There is no stack ${name}: none was set up on this machine.`
        : `There is no stack ${name}, or more than one of that name.`,
    hint: ({ known }) => (known.length === 0 ? "Set one up: heros setup" : stacksList(known)),
  }),
  "stack.ambiguous": row<{ known: readonly string[] }>({
    exitCode: exitCodes.usage,
    message: ({ known }) => `This machine has ${known.length} stacks: which one?`,
    hint: ({ known }) => stacksList(known),
  }),
  "stack.build_failed": row<{ service: string; stackDir: string; lines: readonly string[] }>({
    exitCode: exitCodes.failed,
    message: ({ service, lines }) =>
      lines.length === 0
        ? `Docker could not build the image of ${service}, and says nothing about it.`
        : `Docker could not build the image of ${service}. Its last lines:\n${lines.map((line) => `  ${line}`).join("\n")}`,
    hint: ({ service, stackDir }) =>
      `Fix its Dockerfile, ${again} To build it alone: ${inFolder(stackDir, `docker compose build ${service}`)}`,
  }),
  "stack.no_port": row<{ service: string; networkMode: string; inside: number }>({
    exitCode: exitCodes.usage,
    message: ({ service, networkMode, inside }) =>
      `${service} uses network_mode ${networkMode}, so nothing publishes its port ${inside}.`,
    hint: ({ inside }) =>
      `In your compose file, publish it on the service that owns its network: ports: ["127.0.0.1:${inside}:${inside}"]`,
  }),
  "stack.no_base": row<{ stack: string }>({
    exitCode: exitCodes.usage,
    message: ({ stack }) => `The catalog of ${stack} has no compose file, and the folder has none.`,
    hint: () => "Put your compose file into the folder, or name one in the catalog: stack.base",
  }),
  "stack.profile_off": row<{ service: string; profiles: readonly string[]; stackDir: string }>({
    exitCode: exitCodes.usage,
    message: ({ service, profiles }) =>
      `${service} is in the profile ${profiles.join(", ")}, which is not enabled, so Docker Compose does not start it.`,
    hint: ({ profiles, stackDir }) =>
      `Enable it: add COMPOSE_PROFILES=${profiles[0] ?? ""} to ${stackDir}/.env`,
  }),
  "stack.other_owner": row<{ place: string; owner: string; asRoot: boolean }>({
    exitCode: exitCodes.failed,
    message: ({ place, owner, asRoot }) =>
      asRoot
        ? `${place} belongs to ${owner}, but heros is running as root.`
        : `heros must change ${place}, which belongs to ${owner}.`,
    hint: ({ owner, asRoot }) =>
      asRoot
        ? `Run heros setup as ${owner}, without sudo. If Docker denies access: sudo usermod -aG docker ${quoted(owner)}, then log in again.`
        : `Run heros setup as ${owner}, or choose a folder of your own with --stack-dir.`,
  }),
  "stack.password_lost": row<{ name: string; place: string; envPath: string }>({
    exitCode: exitCodes.usage,
    message: ({ name, place }) =>
      `There is already a database in ${place}, but ${name}, its password, is not set.`,
    hint: ({ name, envPath }) =>
      `Put the line ${name}=… back into ${envPath}, ${again} A new password can't open this database.`,
  }),
  "stack.project_taken": row<TakenProject>({
    exitCode: exitCodes.machine,
    message: ({ name, folder }) =>
      `Docker Compose already has a stack named ${name}, in ${folder}.`,
    hint: (taken) => sentence(projectFix(taken)),
  }),
  /** All of them in one report, before anything is written or started. */
  "stack.clashes": row<{ readonly clashes: readonly Clash[] }>({
    exitCode: exitCodes.machine,
    message({ clashes }) {
      const told = clashes.map(({ what, problem }) => `${what} ${problem}`);
      if (told.length === 1) return sentence(`the ${told[0]}`);
      return `${told.length} things that this stack needs are taken on this machine:\n${told.map((line) => `  ${line}`).join("\n")}`;
    },
    hint: ({ clashes }) =>
      clashes
        .map(({ what, fix }) => sentence(clashes.length === 1 ? fix : `${what}: ${fix}`))
        .join("\n"),
  }),
  "stack.changed": row<{ file: string; before: string }>({
    exitCode: exitCodes.failed,
    message: ({ file }) => `${file} changed while heros was preparing to write it.`,
    hint: ({ before }) => `${before}Run heros setup again.`,
  }),
  "stack.env_invalid": row<{ file: string; problem: string }>({
    exitCode: exitCodes.usage,
    message: ({ file, problem }) => `${file} is invalid: ${problem}.`,
    hint: () => `Fix the file (it must be UTF-8), ${again}`,
  }),
};
