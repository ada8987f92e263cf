import { capabilityName } from "../../run/capabilities.ts";
import type { TimedEvent } from "../../run/event.ts";
import type { AnnieEvent } from "../../run/events/health.ts";
import type { RunState } from "../../run/state.ts";
import { counted, listed, say, tookText, type Sentence } from "./sentence.ts";
import { containerLine, pullProgress } from "./deploy.ts";

/** Null where her health changed in a way that a row shows, but no sentence. */
export function annieSentence(event: TimedEvent & AnnieEvent, state: RunState): Sentence | null {
  switch (event.type) {
    case "annie.health":
      if (state.annie.statusAt !== event.at) return null;
      return say(`Annie ${healthText(event.status)}.`, {
        from: event.status === "unreachable" ? "verbose" : "normal",
        tone: event.status === "degraded" || event.status === "unhealthy" ? "warning" : "info",
      });
    case "annie.online":
      return say(
        `Annie is online at ${addressWords(event.url)} after ${tookText(event.elapsedMs)}.`,
        {
          tone: "good",
          from: "quiet",
          mark: "ok",
        },
      );
    case "capability.ready":
      return say(event.message, { tone: "good", mark: "ok" });
  }
}

/** How she is, after "Annie …". */
export function healthText(status: string): string {
  switch (status) {
    case "unreachable":
      return "is not answering yet";
    case "starting":
    case "loading":
      return "is starting";
    case "healthy":
      return "is healthy";
    case "degraded":
      return "is up, but part of her is not working";
    default:
      return `reports: ${status}`;
  }
}

/** Her row on the live screen, after "Annie": what is awaited, or that she is online. */
export function annieText({ annie, containers, plan }: RunState): string {
  if (annie.online !== null) return `is online at ${addressWords(annie.online.url)}`;
  if (annie.status !== null && annie.status !== "unreachable") {
    const missing = awaitedCapabilities({ annie, plan });
    const waits = annie.status === "healthy" && !Object.values(annie.capabilities).includes(true);
    return waits ? `is up, still loading ${listed(missing)}` : healthText(annie.status);
  }
  const awaited = Object.values(containers).filter(
    ({ state: now }) => now !== "running" && now !== "healthy",
  );
  // The one that tells how far it is says the most.
  const shown = awaited.find((event) => pullProgress(event) !== null) ?? awaited[0];
  if (shown === undefined) {
    const begun = Object.keys(containers).length > 0;
    return begun ? "is starting…" : "is about to start";
  }
  const others = awaited.length - 1;
  const more = others === 0 ? "" : ` and ${counted(others, "more container")}`;
  return `is waiting for ${shown.service} (${containerLine(shown)})${more}`;
}

/** What she can't do yet and will be able to: what nobody chose is not awaited. */
export function awaitedCapabilities({ annie, plan }: Pick<RunState, "annie" | "plan">): string[] {
  return Object.entries(annie.capabilities)
    .filter(([name, there]) => !there && (plan?.capabilities?.includes(name) ?? true))
    .map(([name]) => capabilityName(name));
}

/** As it is typed into a browser. */
function addressWords(url: string): string {
  return url.replace(/\/$/, "");
}
