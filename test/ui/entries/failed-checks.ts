// A setup in a demo's world on a machine with troubles: Annie's port is taken by another process, and Docker is not there
// until there is a file at DOCKER_IS_AT. Ends as the command line does.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { stackChosen } from "../../../src/catalog/capabilities.ts";
import { runCommand } from "../../../src/cli/run-lifecycle.ts";
import { noRunLog } from "../../../src/record/write-record.ts";
import { prepareDemo } from "../../../src/demo/prepare-demo.ts";
import type { Host } from "../../../src/host/host.ts";
import { realHost } from "../../../src/host/real-host.ts";
import { createEndpointMemory } from "../../../src/source/mirrors.ts";
import { stages } from "../../../src/run/events/run.ts";
import { setup } from "../../../src/commands/setup/setup.ts";
import { createAccessibleWriter } from "../../../src/ui/accessible/writer.ts";
import { createInkWriter } from "../../../src/ui/ink/writer.tsx";
import { withNames } from "../../../src/ui/named-writer.ts";
import type { Terminal } from "../../../src/ui/writer.ts";
import { herOs } from "../../demo/test-demo.ts";
import { requestOf } from "../../commands/demo-setup.ts";

const { env, execPath, pid, platform, arch } = process;
const root = fileURLToPath(new URL("../../../", import.meta.url));
const real = realHost({ env, home: "/nowhere", cwd: root, pid, platform, nodeArch: arch });
const world = await prepareDemo({
  host: real,
  catalog: herOs,
  nodePath: execPath,
  speed: 20,
  scale: 0.1,
});
// Ends with this program, however that ends.
const listen = `process.stdin.resume().on("end",()=>process.exit());require("node:net").createServer((socket)=>socket.destroy()).listen(${world.port},"127.0.0.1",()=>console.log("up"))`;
const thief = spawn(execPath, ["-e", listen], { stdio: ["pipe", "pipe", "ignore"] });
await once(thief.stdout, "data");

const dockerIsAt = env["DOCKER_IS_AT"];
const host: Host = {
  ...world.host,
  processes: {
    ...world.host.processes,
    async run(request) {
      if (request.command !== "docker" || isThere(dockerIsAt))
        return world.host.processes.run(request);
      return { exitCode: null, stdout: "", stderr: "", timedOut: false, missing: true };
    },
  },
};

function isThere(file: string | undefined): boolean {
  return file === undefined || existsSync(file);
}

const stop = new AbortController();
const terminal: Terminal = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  color: true,
  unicode: true,
  verbosity: "normal",
  interrupt: () => stop.abort(),
};
const writer = withNames(
  env["ACCESSIBLE"] === undefined
    ? await createInkWriter(terminal)
    : createAccessibleWriter(terminal),
);
const exitCode = await runCommand({
  host,
  writer,
  log: noRunLog,
  signal: stop.signal,
  started: { command: "setup", herosVersion: "0.1.0", demo: false, stages },
  resumeHint: "Run heros setup again.",
  work: (emit, elapsedMs) => {
    emit(stackChosen(herOs));
    const request = { ...requestOf(world), person: writer };
    const endpoints = createEndpointMemory();
    return setup({ host, emit, signal: stop.signal, elapsedMs, endpoints }, request);
  },
});
process.stdout.write(`thief ${thief.pid ?? 0}\n`);
thief.kill();
await world.dispose();
process.exit(exitCode);
