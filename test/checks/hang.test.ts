import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it, vi } from "vitest";
import { realClock } from "../../src/host/real-host.ts";
import type { System } from "../../src/host/host.ts";
import { machineChecks } from "../../src/checks/table.ts";
import { look, newFolder } from "../machine/look.ts";
import { spark } from "../machine/machines.ts";

/** A clock whose alarms ring when told, so that nothing here depends on how quick this machine is. */
function alarmClock() {
  const alarms = new Set<() => void>();
  return {
    ring: () => {
      for (const alarm of alarms) alarm();
      alarms.clear();
    },
    /** Questions that are not answered yet. */
    waiting: () => alarms.size,
    clock: {
      ...realClock,
      async sleep(ms: number, signal?: AbortSignal): Promise<void> {
        // Between two looks at a port.
        if (ms < 1000) return realClock.sleep(ms, signal);
        return new Promise((resolve, reject) => {
          alarms.add(resolve);
          const stop = () => {
            alarms.delete(resolve);
            reject(signal?.reason as Error);
          };
          signal?.addEventListener("abort", stop, { once: true });
        });
      },
    },
  };
}

/** The process that wrote its number there is no more. */
async function expectGone(pidFile: string): Promise<void> {
  const pid = Number(await readFile(pidFile, "utf8"));
  expect(pid).toBeGreaterThan(1);
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow("ESRCH"), { timeout: 240_000 });
}

/** The process is there, and has written its number. */
async function hangs(pidFile: string): Promise<void> {
  await vi.waitFor(async () => expect(await readFile(pidFile, "utf8")).not.toBe(""), {
    timeout: 240_000,
  });
}

describe("a tool that hangs", () => {
  const cases = [
    { tool: "nvidia-smi", held: ["gpu", "docker.gpu"] },
    { tool: "lsblk", held: ["disk.models", "disk.images"] },
    { tool: "docker info", held: ["docker.engine", "docker.gpu", "disk.images"] },
    { tool: "docker compose", held: ["docker.compose"] },
  ] as const;

  it.each(cases)("delays nothing else: $tool", async ({ tool, held }) => {
    const { clock, ring } = alarmClock();
    const pidFile = path.join(await newFolder(), "pid");
    const finished: string[] = [];
    const seen = await look({
      tools: { ...spark.tools, [tool]: { pidFile } },
      host: { ...spark.host, clock },
      limitMs: 4000,
      onEvent: (event) => {
        if (event.type !== "check.finished") return;
        finished.push(event.id);
        // The others are all done and the tool hangs: only now is the time over.
        if (finished.length === machineChecks.length - held.length) void hangs(pidFile).then(ring);
      },
    });
    expect(finished.slice(-held.length).toSorted()).toEqual(held.toSorted());
    // Nothing that needs the engine would go on.
    const isEngine = tool === "docker info";
    expect(seen.problems.map(({ code }) => code)).toEqual(isEngine ? ["docker.no_answer"] : []);
    expect(seen.check(held[0])).toMatchObject({ status: isEngine ? "failed" : "warning" });
    expect(seen.check(held[0])?.found).toMatch(/no answer within 4 s$/);
    await expectGone(pidFile);
  });

  it("does not keep a run that is stopped", async () => {
    const stop = new AbortController();
    const pidFile = path.join(await newFolder(), "pid");
    const seen = look({
      ...spark,
      tools: { ...spark.tools, "nvidia-smi": { pidFile } },
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === "check.finished" && event.id === "docker.compose") stop.abort();
      },
    });
    await expect(seen).rejects.toMatchObject({ name: "AbortError" });
  });

  it("may be a file system, on a dead network disk", async () => {
    const { clock, ring, waiting } = alarmClock();
    const stuck: System = { ...spark.host.system, fileSystems: async () => new Promise(() => {}) };
    let finished = 0;
    const { machine, check } = await look({
      ...spark,
      host: { ...spark.host, clock, system: stuck },
      onEvent: ({ type }) => {
        if (type === "check.finished") finished += 1;
        if (type !== "check.finished" || finished !== machineChecks.length - 2) return;
        // For models, stack, and Docker's two stores of images.
        void vi.waitFor(() => expect(waiting()).toBe(4), { timeout: 240_000 }).then(ring);
      },
    });
    expect(machine.disks).toEqual([]);
    expect(check("disk.models")).toMatchObject({ status: "warning" });
  });
});
