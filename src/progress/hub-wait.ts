import type { TimedEvent } from "./event.ts";

/** The Hub is asked again and again, before anything can be downloaded. */
export interface HubWait {
  readonly reason: string;
  readonly at: number;
  /** When the Hub is asked next. */
  readonly untilMs: number;
  readonly giveUpMs: number;
  /** Another reason than before, or another minute: lines tell that alone. */
  readonly news: boolean;
}

/** What is waited for after one more event: anything but a notice says that the Hub answered. */
export function waitForHub(before: HubWait | null, event: TimedEvent): HubWait | null {
  if (event.type === "notice") return before;
  if (event.type !== "hub.waiting") return null;
  const { reason, at, delayMs, leftMs } = event;
  const giveUpMs = at + leftMs;
  const minute = Math.ceil(leftMs / 60_000);
  const told = before === null ? null : Math.ceil((before.giveUpMs - before.at) / 60_000);
  const news = before === null || before.reason !== reason || minute !== told;
  return { reason, at, untilMs: at + delayMs, giveUpMs, news };
}
