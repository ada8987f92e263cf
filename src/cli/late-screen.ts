import type { TimedEvent } from "../run/event.ts";
import type { Writer } from "../ui/writer.ts";

export interface LateScreen {
  /** Told until the screen is there; it leaves the terminal to whoever asks something on it. */
  readonly lines: Writer;
  readonly openScreen: () => Promise<Writer>;
  /** With this event, the terminal is the screen's. */
  readonly isTime: (event: TimedEvent) => boolean;
}

/** A live screen that comes once ssh has asked what it had to ask: both need the whole terminal. */
export function lateScreen({ lines, openScreen, isTime }: LateScreen): Writer {
  const before: TimedEvent[] = [];
  let opening: Promise<Writer> | null = null;
  let screen: Writer | null = null;

  async function open(): Promise<Writer> {
    await lines.close();
    const opened = await openScreen();
    screen = opened;
    for (const event of before) opened.write(event);
    return opened;
  }
  return {
    write(event) {
      if (screen !== null) return screen.write(event);
      before.push(event);
      if (opening !== null) return;
      lines.write(event);
      if (!isTime(event)) return;
      opening = open();
      // Whoever closes this hears of it.
      opening.catch(() => {});
    },
    async close() {
      await (opening === null ? lines : await opening).close();
    },
  };
}
