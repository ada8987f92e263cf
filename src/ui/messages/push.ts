import type { PushEvent } from "../../run/events/push.ts";
import { formatBytes } from "../../run/units.ts";
import { say, type Sentence } from "./sentence.ts";

export function pushSentence(event: PushEvent): Sentence {
  switch (event.type) {
    case "remote.checked": {
      const { name, address, platform, freeBytes, docker, heros } = event;
      const facts = [
        platform,
        ...(freeBytes === null ? [] : [`${formatBytes(freeBytes)} free`]),
        docker === null ? "no Docker" : `Docker ${docker}`,
        heros === null ? "no heros yet" : `heros ${heros}`,
      ];
      return say(`${address} is ${name}: ${facts.join(", ")}.`);
    }
    case "remote.installed":
      return event.action === "installed"
        ? say(`heros ${event.version} is installed there.`, { tone: "good", mark: "ok" })
        : say(`heros ${event.version} was already installed there.`, { tone: "good", mark: "ok" });
  }
}
