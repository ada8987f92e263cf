import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { pullTally } from "../../src/docker/image-progress.ts";

const image = "ghcr.io/her-os/voice:1";
const digest = (id: string) => `sha256:${id.padEnd(64, "0")}`;
/** As the registry tells them. */
const known = {
  image,
  layers: new Map([
    [digest("1ab906161da8"), 29_000_000],
    [digest("1d8013054455"), 52_444_977],
    [digest("ec41b9db5873"), 125_867_701],
  ]),
  totalBytes: 207_320_000,
  cachedBytes: 29_000_000,
};
const unknown = { image, layers: null, totalBytes: 0, cachedBytes: 0 };

/** As compose 2.40.3 and 5.6.0 write them, with the same layers in the same order; and as `docker pull` does, without bytes. */
const recorded = {
  "2.40.3": [
    `{"id":"kokoro","text":"Pulling"}`,
    `{"id":"1ab906161da8","parent_id":"kokoro","text":"Already exists","percent":100}`,
    `{"id":"1d8013054455","parent_id":"kokoro","text":"Pulling fs layer"}`,
    `{"id":"ec41b9db5873","parent_id":"kokoro","text":"Pulling fs layer"}`,
    `{"id":"ec41b9db5873","parent_id":"kokoro","text":"Waiting"}`,
    `{"id":"1d8013054455","parent_id":"kokoro","text":"Downloading","status":"[==============\\u003e      ]  15.67MB/52.44MB","current":15670272,"total":52444977,"percent":29}`,
    `{"id":"1d8013054455","parent_id":"kokoro","text":"Verifying Checksum"}`,
    `{"id":"1d8013054455","parent_id":"kokoro","text":"Download complete","percent":100}`,
    `{"id":"ec41b9db5873","parent_id":"kokoro","text":"Downloading","status":"[=\\u003e ]","current":40108032,"total":125867701,"percent":31}`,
    `{"id":"1d8013054455","parent_id":"kokoro","text":"Extracting","status":"[=\\u003e ]","current":18382848,"total":52444977,"percent":35}`,
    `{"id":"1d8013054455","parent_id":"kokoro","text":"Pull complete","percent":100}`,
    `{"id":"ec41b9db5873","parent_id":"kokoro","text":"Download complete","percent":100}`,
    `{"id":"ec41b9db5873","parent_id":"kokoro","text":"Extracting","status":"[=\\u003e ]","current":40108032,"total":125867701,"percent":31}`,
    `{"id":"ec41b9db5873","parent_id":"kokoro","text":"Pull complete","percent":100}`,
    `{"id":"kokoro","text":"Pulled"}`,
  ],
  "5.6.0": [
    `{"id":"Image ${image}","status":"Working","text":"Pulling"}`,
    `{"id":"1ab906161da8","parent_id":"Image ${image}","status":"Done","text":"Already exists","details":"0B","percent":100}`,
    `{"id":"1d8013054455","parent_id":"Image ${image}","status":"Working","text":"Pulling fs layer","details":"0B"}`,
    `{"id":"ec41b9db5873","parent_id":"Image ${image}","status":"Working","text":"Pulling fs layer","details":"0B"}`,
    `{"id":"ec41b9db5873","parent_id":"Image ${image}","status":"Working","text":"Waiting","details":"0B"}`,
    `{"id":"1d8013054455","parent_id":"Image ${image}","status":"Working","text":"Downloading","details":"15.67MB","current":15670272,"total":52444977,"percent":29}`,
    `{"id":"1d8013054455","parent_id":"Image ${image}","status":"Working","text":"Verifying Checksum","details":"0B"}`,
    `{"id":"1d8013054455","parent_id":"Image ${image}","status":"Working","text":"Download complete","details":"0B","percent":100}`,
    `{"id":"ec41b9db5873","parent_id":"Image ${image}","status":"Working","text":"Downloading","details":"40.11MB","current":40108032,"total":125867701,"percent":31}`,
    `{"id":"1d8013054455","parent_id":"Image ${image}","status":"Working","text":"Extracting","details":"18.38MB","current":18382848,"total":52444977,"percent":35}`,
    `{"id":"1d8013054455","parent_id":"Image ${image}","status":"Done","text":"Pull complete","details":"0B","percent":100}`,
    `{"id":"ec41b9db5873","parent_id":"Image ${image}","status":"Working","text":"Download complete","details":"0B","percent":100}`,
    `{"id":"ec41b9db5873","parent_id":"Image ${image}","status":"Working","text":"Extracting","details":"40.11MB","current":40108032,"total":125867701,"percent":31}`,
    `{"id":"ec41b9db5873","parent_id":"Image ${image}","status":"Done","text":"Pull complete","details":"0B","percent":100}`,
    `{"id":"Image ${image}","status":"Done","text":"Pulled"}`,
  ],
  "docker pull": [
    "1: Pulling from her-os/voice",
    "1ab906161da8: Already exists",
    "1d8013054455: Pulling fs layer",
    "ec41b9db5873: Pulling fs layer",
    "ec41b9db5873: Waiting",
    "1d8013054455: Verifying Checksum",
    "1d8013054455: Download complete",
    "1d8013054455: Pull complete",
    "ec41b9db5873: Download complete",
    "ec41b9db5873: Pull complete",
    `Digest: ${digest("44")}`,
    `Status: Downloaded newer image for ${image}`,
  ],
};

function progressOf(lines: readonly string[], sizes: Parameters<typeof pullTally>[0]) {
  const tally = pullTally(sizes);
  return lines.flatMap((line) => tally.read(line) ?? []);
}

test.each(["2.40.3", "5.6.0"] as const)(
  "compose %s: bytes of layers are told, first downloaded, then unpacked, up to all of them",
  (version) => {
    const told = progressOf(recorded[version], known).map(
      ({ phase, receivedBytes, totalBytes }) => {
        expect(totalBytes).toBe(207_320_000);
        return `${phase} ${receivedBytes}`;
      },
    );
    expect([...new Set(told)]).toEqual([
      "downloading 29000000",
      "downloading 44670272",
      "downloading 81444977",
      "downloading 121553009",
      "unpacking 81444977",
      "unpacking 121553009",
      "unpacking 207320000",
    ]);
  },
);

test("docker pull tells no bytes: layers count whole, by the sizes of the registry", () => {
  const told = progressOf(recorded["docker pull"], known).map(
    ({ phase, receivedBytes }) => `${phase} ${receivedBytes}`,
  );
  expect([...new Set(told)]).toEqual([
    "downloading 29000000",
    "downloading 81444977",
    "unpacking 81444977",
    "unpacking 207320000",
  ]);
});

test.each(["2.40.3", "5.6.0"] as const)(
  "compose %s, of an image of unknown size: no total before each layer's is known, none that falls, and none that is reached early",
  (version) => {
    const told = progressOf(recorded[version], unknown);
    const totals = told.map(({ totalBytes }) => totalBytes);
    expect(totals.slice(0, 7)).toEqual(Array.from({ length: 7 }, () => 0));
    expect(new Set(totals.slice(7))).toEqual(new Set([178_312_678]));
    for (const { phase, receivedBytes, totalBytes } of told) {
      if (phase === "downloading" && totalBytes > 0) expect(receivedBytes).toBeLessThan(totalBytes);
    }
    expect(told.at(-1)).toEqual({
      image,
      phase: "unpacking",
      receivedBytes: 178_312_678,
      totalBytes: 178_312_678,
    });
  },
);

test("of an image of unknown size docker pull tells the phase alone", () => {
  const told = progressOf(recorded["docker pull"], unknown);
  expect(told.map(({ receivedBytes, totalBytes }) => [receivedBytes, totalBytes])).toEqual(
    told.map(() => [0, 0]),
  );
  expect(told.at(-1)?.phase).toBe("unpacking");
});

test("a layer that turns up late makes no bar go backwards", () => {
  const line = (id: string, current: number, total: number) =>
    JSON.stringify({ id, parent_id: "kokoro", text: "Downloading", current, total });
  const tally = pullTally(unknown);
  expect(tally.read(line("aaaaaaaaaaaa", 90, 100))).toMatchObject({ receivedBytes: 90 });
  expect(tally.read(line("bbbbbbbbbbbb", 10, 1000))).toBeNull();
  expect(tally.read(line("bbbbbbbbbbbb", 950, 1000))).toMatchObject({
    receivedBytes: 1040,
    totalBytes: 1100,
  });
});

test("a pull that begins again makes no bar go backwards, and does not count what is there twice", () => {
  const tally = pullTally(known);
  const told = [...recorded["2.40.3"].slice(0, 9), ...recorded["2.40.3"]].flatMap(
    (line) => tally.read(line) ?? [],
  );
  const received = told.flatMap((each) => (each.phase === "downloading" ? each.receivedBytes : []));
  expect(received).toEqual(received.toSorted((a, b) => a - b));
  expect(tally.layersDone()).toBe(3);
});

test("what is no layer of the image tells nothing", () => {
  const tally = pullTally(known);
  const lines = [
    "",
    "{",
    `{"id":"Image ${image}","status":"Done","text":"Pulled"}`,
    `{"id":"44aabbccddee","parent_id":"kokoro","text":"Downloading","current":1,"total":2}`,
    `{"id":"redis","text":"IPv4 forwarding is disabled. Networking will not work."}`,
    "44aabbccddee: Download complete",
  ];
  expect(lines.map((line) => tally.read(line))).toEqual(lines.map(() => null));
});

/** Of pulls on Docker 20.10 (classic) and 26.1 (containerd's store), which had the lowest layer in the classic store. */
const recordedPull = (name: string): string[] =>
  readFileSync(new URL(`recorded-pulls/${name}.txt`, import.meta.url), "utf8").split("\n");
const inRegistry = {
  image,
  layers: new Map([
    [digest("9a82431dae50"), 1_000_000],
    [digest("d5b0ed02f68e"), 30_009_352],
    [digest("2eb6d99a10b9"), 60_018_515],
    [digest("ea80f62df673"), 5167],
  ]),
  totalBytes: 91_035_034,
};

test.each([
  ["classic-compose-2.40.3", 1_000_000, true],
  ["classic-compose-5.6.0", 1_000_000, true],
  ["classic-docker-pull", 1_000_000, true],
  ["containerd-compose-2.40.3", 0, false],
  ["containerd-compose-5.6.0", 0, false],
  ["containerd-docker-pull", 0, false],
  // It says nothing of layers that it has.
  ["containerd-docker-pull-shared", 91_027_867, false],
])(
  "%s: a bar that never goes back, is not full while it is downloaded, and ends with what Docker unpacks",
  (name, cachedBytes, tellsUnpacking) => {
    const told = progressOf(recordedPull(name), { ...inRegistry, cachedBytes });
    const downloading = told.filter(({ phase }) => phase === "downloading");
    const received = downloading.map(({ receivedBytes }) => receivedBytes);
    expect(received).toEqual(received.toSorted((a, b) => a - b));
    expect(received[0]).toBeGreaterThanOrEqual(cachedBytes);
    expect(Math.max(...received)).toBeLessThan(inRegistry.totalBytes);
    expect(new Set(told.map(({ totalBytes }) => totalBytes))).toEqual(
      new Set([inRegistry.totalBytes]),
    );
    const last = told.at(-1);
    expect(last?.phase).toBe("unpacking");
    if (tellsUnpacking) expect(last?.receivedBytes).toBe(inRegistry.totalBytes);
  },
);

test.each([
  "classic-compose-2.40.3",
  "classic-compose-5.6.0",
  "classic-docker-pull",
  "containerd-compose-2.40.3",
  "containerd-compose-5.6.0",
  "containerd-docker-pull",
])("%s, of unknown size: no bar, or one that never goes back and is not full early", (name) => {
  const told = progressOf(recordedPull(name), unknown);
  const shares = told.flatMap(({ phase, receivedBytes, totalBytes }) =>
    phase === "downloading" && totalBytes > 0 ? [receivedBytes / totalBytes] : [],
  );
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(shares.every((share) => share < 1)).toBe(true);
  expect(told.at(-1)?.phase).toBe("unpacking");
});
