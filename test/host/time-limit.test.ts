import { describe, expect, it } from "vitest";
import { realClock } from "../../src/host/real-host.ts";
import { late, withinLimit } from "../../src/host/time-limit.ts";
import { testHost } from "../machine/test-host.ts";

const limitMs = 3000;
const idle = new AbortController().signal;

/** A clock on which every sleep is over at once. */
const rushed = testHost({ clock: { ...realClock, sleep: async () => {} } });

async function never(): Promise<never> {
  return new Promise(() => {});
}

describe("a time limit", () => {
  it("gives the answer that comes in time", async () => {
    const answer = withinLimit({ host: testHost(), signal: idle, limitMs }, async () => 7);
    expect(await answer).toBe(7);
  });

  it("does not wait for work that can't even be stopped", async () => {
    expect(await withinLimit({ host: rushed, signal: idle, limitMs }, never)).toBe(late);
  });

  it("tells the work to stop once it is over", async () => {
    const told: AbortSignal[] = [];
    await withinLimit({ host: rushed, signal: idle, limitMs }, async (signal) => {
      told.push(signal);
      return never();
    });
    expect(told.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it("passes on what goes wrong in time", async () => {
    const answer = withinLimit({ host: testHost(), signal: idle, limitMs }, async () => {
      throw new RangeError("broken");
    });
    await expect(answer).rejects.toThrow(new RangeError("broken"));
  });

  it("ends at once when the run is stopped", async () => {
    const stop = new AbortController();
    const answer = withinLimit({ host: testHost(), signal: stop.signal, limitMs }, never);
    stop.abort();
    await expect(answer).rejects.toMatchObject({ name: "AbortError" });
    await expect(
      withinLimit({ host: testHost(), signal: stop.signal, limitMs }, async () => 7),
    ).rejects.toMatchObject({ name: "AbortError" });
  });
});
