import process from "node:process";
import { expect, test } from "vitest";
import { createTurns, unlessFailed, untilAborted } from "../../src/run/concurrency.ts";

test.each(["before", "after"])(
  "what nobody waits for any longer may fail, cancelled %s it was waited for",
  async (when) => {
    const stop = new AbortController();
    const event = Promise.withResolvers<void>();
    if (when === "before") stop.abort();
    const waited = untilAborted(event.promise, stop.signal);
    stop.abort();
    await expect(waited).rejects.toThrow("aborted");
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on("unhandledRejection", note);
    event.reject(new Error("it does not come"));
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  },
);

test("a task ends with what it goes on under, and its signal fires", async () => {
  const { signal } = new AbortController();
  const condition = Promise.withResolvers<void>();
  let stopped: AbortSignal | null = null;
  const working = unlessFailed(condition.promise, signal, (either) => {
    stopped = either;
    return new Promise(() => {});
  });
  condition.reject(new Error("it failed"));
  await expect(working).rejects.toThrow("it failed");
  expect(stopped).toMatchObject({ aborted: true });
  const held = Promise.resolve();
  await expect(unlessFailed(held, signal, () => Promise.resolve(7))).resolves.toBe(7);
  const task = (): Promise<never> => Promise.reject(new Error("its own"));
  await expect(unlessFailed(held, signal, task)).rejects.toThrow("its own");
});

test("so many work at a time, in the order in which they came, and who leaves keeps nobody waiting", async () => {
  const turns = createTurns(2);
  const { signal } = new AbortController();
  const leaving = new AbortController();
  const done: string[] = [];
  const gates = ["a", "b", "c", "d"].map((name) => ({ name, gate: Promise.withResolvers<void>() }));
  const [first, second, third, last] = gates.map(({ name, gate }) =>
    turns.take(name === "c" ? leaving.signal : signal, async (others) => {
      done.push(`${name} beside ${others}`);
      await gate.promise;
    }),
  );
  await Promise.resolve();
  expect(done).toEqual(["a beside 0", "b beside 1"]);
  leaving.abort();
  await expect(third).rejects.toThrow("aborted");
  gates[0]?.gate.resolve();
  await first;
  await new Promise((resolve) => setImmediate(resolve));
  for (const { gate } of gates) gate.resolve();
  await Promise.all([second, last]);
  expect(done).toEqual(["a beside 0", "b beside 1", "d beside 1"]);
});
