import { z } from "zod";
import { exitCodes, Failure, type ExitCode } from "../progress/failure.ts";
import { inFolder } from "../progress/shell.ts";

interface Known {
  readonly pattern: RegExp;
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly message: (match: RegExpExecArray) => string;
  readonly hint: string;
}

/** What docker and compose say when something is missing, most telling first. */
const known: readonly Known[] = [
  {
    pattern: /permission denied while trying to connect to the docker/i,
    code: "docker.no_permission",
    exitCode: exitCodes.machine,
    message: () => "You may not use Docker yet.",
    hint: 'Run: sudo usermod -aG docker "$USER" — then log out and in again.',
  },
  {
    pattern:
      /cannot connect to the docker daemon|error during connect|is the docker daemon running/i,
    code: "docker.daemon_down",
    exitCode: exitCodes.machine,
    message: () => "Docker is installed but not running.",
    hint: "Start it with: sudo systemctl start docker",
  },
  {
    pattern:
      /'compose' is not a docker command|unknown command: docker compose|unknown shorthand flag: '\w'/i,
    code: "compose.missing",
    exitCode: exitCodes.machine,
    message: () => "Docker has no compose plugin.",
    hint: "Install it with: sudo apt-get install docker-compose-plugin",
  },
  {
    pattern:
      /could not select device driver|failed to discover GPU vendor from CDI|unknown or invalid runtime name: nvidia|unresolvable CDI devices/i,
    code: "docker.gpu_unavailable",
    exitCode: exitCodes.machine,
    message: () => "Docker can't give the GPU to containers.",
    hint: "Run: sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker",
  },
  {
    pattern: /:(\d+)(?: failed)?: port is already allocated/i,
    code: "port.taken",
    exitCode: exitCodes.machine,
    message: (match) => `Port ${match[1]} is taken by another container.`,
    hint: "Stop that container (docker ps shows it), or choose another port with --port.",
  },
  {
    pattern:
      /:(\d+): bind: address already in use|port is already allocated|address already in use/i,
    code: "port.taken",
    exitCode: exitCodes.machine,
    message: (match) =>
      match[1] === undefined
        ? "A port that Annie needs is taken."
        : `Port ${match[1]} is taken by another program.`,
    hint: "Stop that program (sudo ss -ltnp shows it), or choose another port with --port.",
  },
  {
    pattern: /no space left on device|disk quota exceeded/i,
    code: "docker.disk_full",
    exitCode: exitCodes.disk,
    message: () => "There is no space left on the disk where Docker keeps its images.",
    hint: "Make room, for example with: docker system prune — then run heros setup again.",
  },
  {
    pattern: /exec format error|no matching manifest for/i,
    code: "docker.wrong_architecture",
    exitCode: exitCodes.machine,
    message: () => "An image of the stack is not made for this kind of processor.",
    hint: "Choose an image for this machine in the compose file, then run heros setup again.",
  },
  {
    pattern:
      /dial tcp|no such host|i\/o timeout|TLS handshake timeout|connection re(?:set|fused)|network is unreachable|Client\.Timeout|toomanyrequests|unexpected EOF/i,
    code: "docker.pull_network",
    exitCode: exitCodes.network,
    message: () => "The images of the stack could not be fetched: the network failed.",
    hint: "Check the connection and run heros setup again: what was fetched is kept.",
  },
  {
    pattern:
      /(?:pull access denied|manifest unknown|manifest for \S+ not found|unauthorized|denied: )/i,
    code: "docker.pull_refused",
    exitCode: exitCodes.failed,
    message: () => "An image of the stack could not be fetched: its registry does not give it.",
    hint: "Check HER_OS_VERSION in .env, or log in with: docker login ghcr.io",
  },
  {
    pattern: /bind source path does not exist: (\S+)/i,
    code: "stack.folder_missing",
    exitCode: exitCodes.failed,
    message: (match) => `The folder ${match[1]}, which Annie needs, is not there.`,
    hint: "Run heros setup again: it makes the folders that Annie needs.",
  },
  {
    pattern:
      /yaml: |validating .*\.ya?ml|invalid compose project|service ".*" (?:has|refers|depends)/i,
    code: "stack.base_invalid",
    exitCode: exitCodes.usage,
    message: () => "Docker Compose does not accept the stack's files.",
    hint: "Run `docker compose config -q` in the stack's folder to see where.",
  },
];

export interface ComposeFailureDetails {
  /** What compose said on stderr, JSON progress lines among it. */
  readonly stderr: string;
  /** Null where compose could not be started, or was killed. */
  readonly exitCode: number | null;
  /** No `docker` on the PATH. */
  readonly missing: boolean;
  readonly stackDir: string;
}

/** Why `docker compose` ended badly, in words, with compose's own as the cause. */
export function composeFailure(details: ComposeFailureDetails): Failure {
  const { stderr, exitCode, missing, stackDir } = details;
  if (missing) {
    return new Failure({
      code: "docker.missing",
      message: "Docker is not installed.",
      hint: "Install it with: curl -fsSL https://get.docker.com | sudo sh",
      exitCode: exitCodes.machine,
    });
  }
  const lines = spokenLines(stderr);
  const recognised = known.find(({ pattern }) => lines.some((line) => pattern.test(line)));
  const telling = lines.find((line) => recognised?.pattern.test(line)) ?? lastTelling(lines);
  const words = telling.replace(/^Error response from daemon: /, "").slice(0, 400);
  const cause = new Error(`docker compose ended with ${exitCode ?? "no status"}: ${words}`);
  const match = recognised?.pattern.exec(telling);
  if (recognised !== undefined && match !== null && match !== undefined) {
    return new Failure({
      code: recognised.code,
      message: `${recognised.message(match)} Docker says: ${words}`,
      hint: recognised.hint,
      exitCode: recognised.exitCode,
      cause,
    });
  }
  return new Failure({
    code: "stack.compose_failed",
    message: `Docker Compose could not start the stack in ${stackDir}${words === "" ? "" : `: ${words}`}`,
    hint: `Try it by hand: ${inFolder(stackDir, "docker compose up -d")}`,
    exitCode: exitCodes.failed,
    cause,
  });
}

/** What was said in words: stray text, and with `--progress json` the messages of errors. */
function spokenLines(stderr: string): string[] {
  return stderr
    .split("\n")
    .map((line) => line.trim())
    .map((line) => (line.startsWith("{") ? messageOf(line) : line))
    .filter((line) => line !== "")
    .filter((line) => !/^(?:Container|Network|Volume|Image) \S+\s+\w+$/.test(line));
}

/** The last line that sounds like a reason. */
function lastTelling(lines: readonly string[]): string {
  const reason = /error|denied|cannot|could not|failed|not /i;
  return lines.findLast((line) => reason.test(line)) ?? lines.at(-1) ?? "";
}

const errorLine = z.object({ error: z.literal(true), message: z.string() });

function messageOf(line: string): string {
  try {
    return errorLine.safeParse(JSON.parse(line)).data?.message.trim() ?? "";
  } catch {
    return line;
  }
}
