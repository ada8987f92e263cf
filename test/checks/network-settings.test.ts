import { describe, expect, it } from "vitest";
import { assessClock, assessProxy, assessTokens } from "../../src/checks/network-settings.ts";

const limitMs = 4000;
const endpoint = "https://hub.example";

describe("the clock", () => {
  it("may be some seconds off", () => {
    expect(assessClock(-1500, { limitMs }).status).toBe("ok");
  });

  it("that is far off is told with the direction", () => {
    expect(assessClock(3_600_000, { limitMs })).toMatchObject({
      status: "warning",
      found: "1 h 00 min ahead of the Hub's",
    });
    expect(assessClock(-600_000, { limitMs }).found).toMatch(/behind the Hub's$/u);
    expect(assessClock(null, { limitMs }).status).toBe("skipped");
  });
});

describe("a proxy", () => {
  const env = { HTTPS_PROXY: "http://ann:secret@proxy.example:3128" };

  it("matters where the Hub can't be reached, and its address is never shown", () => {
    const well = assessProxy(env, { endpoint, isReached: true });
    const failing = assessProxy(env, { endpoint, isReached: false });
    expect([well.status, failing.status]).toEqual(["ok", "warning"]);
    expect(failing.found).toContain("HTTPS_PROXY");
    expect(JSON.stringify([well, failing])).not.toMatch(/secret|proxy\.example/u);
  });

  it("that heros can't use is a warning", () => {
    const socks = assessProxy(
      { ALL_PROXY: "socks5://ann:secret@p" },
      { endpoint, isReached: false },
    );
    expect(socks.status).toBe("warning");
    expect(JSON.stringify(socks)).not.toContain("secret");
  });

  it("is not missed, and not blamed where NO_PROXY has the Hub", () => {
    expect(assessProxy({}, { endpoint, isReached: false }).found).toBe("none is set");
    const exempt = assessProxy({ ...env, NO_PROXY: "hub.example" }, { endpoint, isReached: false });
    expect(exempt.status).toBe("ok");
  });
});

describe("a token", () => {
  const file = { where: "~/t", path: "/home/ann/t", isOpen: false, isRefused: false };

  it("is not missed where there is none", () => {
    expect(assessTokens([], { limitMs }).status).toBe("ok");
    expect(assessTokens([file], { limitMs })).toEqual({ status: "ok", found: "found in ~/t" });
  });

  it("that others may read is closed by a command", () => {
    expect(assessTokens([{ ...file, isOpen: true }], { limitMs })).toEqual({
      status: "warning",
      found: "other users can read ~/t",
      remedy: "chmod 600 /home/ann/t",
    });
  });

  it("that the Hub rejects is named by its place", () => {
    const finding = assessTokens([{ ...file, isRefused: true }], { limitMs });
    expect(finding.found).toBe("the Hub rejects the token in ~/t");
    expect(finding.remedy).toContain("https://huggingface.co/settings/tokens");
  });
});
