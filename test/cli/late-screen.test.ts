import { expect, test } from "vitest";
import { lateScreen } from "../../src/cli/late-screen.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import type { Writer } from "../../src/ui/writer.ts";

/** Keeps what it is told. */
function keeping(name: string, told: string[]): Writer {
  return {
    write: ({ type }) => void told.push(`${name}: ${type}`),
    close: () => Promise.resolve(void told.push(`${name}: closed`)),
  };
}

const stage = (type: "stage.started" | "download.paused" | "download.resumed"): TimedEvent =>
  type === "stage.started" ? { v: 1, at: 0, type, stage: "download" } : { v: 1, at: 0, type };

function open(openScreen?: () => Promise<Writer>) {
  const told: string[] = [];
  const writer = lateScreen({
    lines: keeping("lines", told),
    openScreen: openScreen ?? (() => Promise.resolve(keeping("screen", told))),
    isTime: ({ type }) => type === "download.paused",
  });
  return { writer, told };
}

test("the screen comes with its event, and shows all of the run", async () => {
  const { writer, told } = open();
  writer.write(stage("stage.started"));
  writer.write(stage("download.paused"));
  writer.write(stage("download.resumed"));
  await writer.close();
  expect(told).toEqual([
    "lines: stage.started",
    "lines: download.paused",
    "lines: closed",
    "screen: stage.started",
    "screen: download.paused",
    "screen: download.resumed",
    "screen: closed",
  ]);
});

test("a run that ends before has lines alone", async () => {
  const { writer, told } = open();
  writer.write(stage("stage.started"));
  await writer.close();
  expect(told).toEqual(["lines: stage.started", "lines: closed"]);
});

test("a screen that can't be opened is told to who closes it", async () => {
  const { writer } = open(() => Promise.reject(new Error("no screen")));
  writer.write(stage("download.paused"));
  await expect(writer.close()).rejects.toThrow("no screen");
});
