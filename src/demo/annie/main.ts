/**
 * The demo's Annie: a process of its own that stands for the container her-os-core. She reads her configuration as
 * one line on stdin, and ends when stdin does: so she can't outlive the program that started her, however it ends.
 */
import { createServer } from "node:http";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { type AnnieConfig, findModel, type FoundModel, reportHealth } from "./models.ts";

/** How often she looks for models that have come. */
const lookEveryMs = 200;

const found = new Map<string, FoundModel>();

const lines = createInterface({ input: process.stdin });
lines.once("close", () => process.exit(0));
process.stdin.once("error", () => process.exit(0));
process.once("SIGTERM", () => process.exit(0));
lines.once("line", (line) => {
  start(JSON.parse(line) as AnnieConfig).catch((error: unknown) => {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exit(1);
  });
});

async function start(config: AnnieConfig): Promise<void> {
  say("her-os-core: booting (demo)");
  await sleep(config.startMs);
  const server = createServer((request, response) => {
    const report = reportHealth(config.models, found);
    if (request.url !== "/health") response.writeHead(404).end();
    else {
      response.writeHead(report.status === "healthy" ? 200 : 503, {
        "Content-Type": "application/json",
      });
      response.end(JSON.stringify(report));
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(config.port, "127.0.0.1", resolve);
  });
  say(`Uvicorn running on http://0.0.0.0:8000, published on ${config.port}`);
  await sleep(config.startMs);
  for (;;) {
    await look(config);
    await sleep(lookEveryMs);
  }
}

async function look(config: AnnieConfig): Promise<void> {
  for (const model of config.models) {
    // What is loaded stays loaded.
    const before = found.get(model.name);
    if (before?.status === "ready") continue;
    const now = await findModel(model, config);
    found.set(model.name, now);
    if (now.status === "ready") say(`model_loader: ${model.name} ready (${now.source ?? "cache"})`);
    else if (now.status !== before?.status) say(`model_loader: ${model.name} ${now.status}`);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
