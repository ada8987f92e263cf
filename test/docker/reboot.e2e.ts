import { access, chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished } from "vitest";
import { resumeUnitText } from "../../src/deploy/systemd/resume-unit.ts";
import { freePort } from "../host/free-port.ts";
import { openCells } from "./cells.ts";
import { docker, ofType } from "./run-heros.ts";
import { openScene } from "./scene.ts";
import { userSystemd } from "./user-systemd.ts";

const cell = openCells();
const unit = ".config/systemd/user/heros-resume.service";

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

cell("a reboot in the middle of the download", async () => {
  const scene = await openScene({ bytesPerSecond: 1_500_000 });
  const home = path.dirname(scene.stackDir);
  const systemd = userSystemd(home);
  await systemd.start();
  const flags = [`--port=${await freePort()}`, "--tiers=1", "--resume-at-boot=yes"];
  const heros = scene.start("setup", flags, { env: systemd.env });
  await heros.until(
    (event) => event.type === "download.progress" && event.receivedBytes > 2_000_000,
  );
  expect(await systemd.ask("is-enabled", "heros-resume.service")).toBe("enabled");
  expect(await systemd.verify(path.join(home, unit))).toBe("");
  // It is for after a reboot, and not for now.
  expect(await systemd.ask("is-active", "heros-resume.service")).toBe("inactive");
  heros.kill("SIGKILL");
  await heros.ended;
  await systemd.stop();
  const before = scene.hub.sentBytes();

  scene.hub.setThrottle({});
  const startedMs = performance.now();
  await systemd.start();
  await expect.poll(() => isThere(path.join(home, unit))).toBe(false);
  await expect.poll(() => systemd.ask("is-active", "heros-resume.service")).toBe("inactive");
  const seconds = (performance.now() - startedMs) / 1000;
  const status = await scene.start("status").ended;
  const [read] = ofType(status, "status.read");
  expect(read).toMatchObject({
    annie: "online",
    interrupted: false,
    background: { state: "ended", closing: { type: "run.succeeded" } },
  });
  expect(scene.hub.sentBytes()).toBeLessThan((read?.totalBytes ?? 0) + before);
  // Neither the unit nor the link that enabled it stays, and nothing is started at the next reboot.
  expect(await readdir(path.join(home, ".config"))).toEqual([]);
  const containers = (await docker(["compose", "ps", "-aq"], scene.stackDir)).trim().split("\n");
  // Her containers come back by Docker's own doing.
  const rule = ["inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", ...containers];
  expect(new Set((await docker(rule)).trim().split("\n"))).toEqual(new Set(["unless-stopped"]));
  await systemd.stop();
  await systemd.start();
  expect(await systemd.ask("list-units", "--all", "--plain", "--no-legend", "heros*")).toBe("");
  const after = (await docker(["compose", "ps", "-aq"], scene.stackDir)).trim().split("\n");
  expect(after).toEqual(containers);
  return `online ${seconds.toFixed(1)} s after systemd's start`;
});

cell("odd paths, as systemd reads them", async () => {
  const home = await mkdtemp(path.join(tmpdir(), "heros-systemd-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const systemd = userSystemd(home);
  const words = [
    "$HOME",
    "50%",
    "%h",
    'a "b"',
    "c\\d",
    ";",
    "",
    "it's",
    "two\nlines\t",
    "é 漢",
    "#x",
    "${PATH}",
  ];
  const program = path.join(home, `my $HOME "50%" 'é\\`, "say");
  const told = path.join(home, "told");
  await mkdir(path.dirname(program));
  await writeFile(
    program,
    `#!/bin/sh\n{ printf '%s\\0' "$@" "$ODD"; } >"${told}.new" && mv "${told}.new" "${told}"\n`,
  );
  await chmod(program, 0o755);
  const odd = `50% of $HOME "é\\n"`;
  const file = path.join(home, unit);
  await mkdir(path.dirname(file), { recursive: true });
  const environment = { PATH: "/usr/bin:/bin", ODD: odd };
  await writeFile(file, resumeUnitText({ command: [program, ...words], environment }));
  await systemd.start();
  expect(await systemd.verify(file)).toBe("");
  await systemd.ask("start", "heros-resume.service");
  await expect.poll(() => isThere(told)).toBe(true);
  expect((await readFile(told, "utf8")).split("\0")).toEqual([...words, odd, ""]);
  return `${words.length} words, a path and a variable`;
});
