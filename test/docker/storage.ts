import { randomBytes } from "node:crypto";
import { expect, onTestFinished } from "vitest";
import { docker, type HerosRun, ofType } from "./run-heros.ts";
import type { Scene } from "./scene.ts";

export interface Mount {
  readonly Type: string;
  readonly Name?: string;
  readonly Source: string;
  readonly Destination: string;
  readonly RW: boolean;
}

/** What Annie's container has mounted as the models. */
export async function mountOfAnnie({ stackDir }: Scene): Promise<Mount> {
  const id = await docker(["compose", "ps", "-q", "her-os-core"], stackDir);
  const [annie] = JSON.parse(await docker(["inspect", id.trim()])) as [{ Mounts: Mount[] }];
  const mount = annie.Mounts.find(({ Destination }) => Destination === "/data/models");
  if (mount === undefined) throw new Error("nothing is mounted");
  return mount;
}

/** The name of a volume that is gone when the test is over: asked for before the scene, whose containers go first. */
export function volumeName(): string {
  const name = `heros-test-${randomBytes(4).toString("hex")}_model-cache`;
  onTestFinished(async () => {
    await docker(["volume", "rm", "--force", name]);
  });
  return name;
}

/** Fails where the run did not bring Annie online. */
export function isOnline(run: HerosRun): void {
  expect(run.events.at(-1)).toMatchObject({ type: "run.succeeded" });
  expect(ofType(run, "annie.online")).toHaveLength(1);
}
