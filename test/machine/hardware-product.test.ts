import { describe, expect, it } from "vitest";
import {
  type Dmi,
  parseDgxRelease,
  parseFastosRelease,
  type ProductEvidence,
  productLabel,
  recogniseProduct,
} from "../../src/machine/hardware.ts";
import { fixture } from "./fixture.ts";

const nothing: ProductEvidence = {
  dgxRelease: null,
  fastosRelease: null,
  pciIds: [],
  gpuNames: [],
  dmi: { vendor: null, product: null, version: null, board: null },
};

function dmi(vendor: string, product: string, version = "", board = ""): Dmi {
  return { vendor: `${vendor}\n`, product: `${product}\n`, version, board };
}

describe("a machine of the DGX Spark family", () => {
  const boxes = [
    {
      label: "NVIDIA DGX Spark",
      evidence: {
        dgxRelease: fixture("spark/dgx-release"),
        dmi: dmi("NVIDIA", "NVIDIA_DGX_Spark", "A.7"),
      },
    },
    {
      label: "ASUS GX10",
      evidence: {
        pciIds: ["15b3:1021", "10de:2e12"],
        dmi: dmi("ASUSTeK COMPUTER INC.", "GX10", "1.0"),
      },
    },
    {
      label: "Dell Pro Max with GB10 FCM1253",
      evidence: {
        fastosRelease: fixture("spark/fastos-release"),
        dmi: dmi("Dell Inc.", "Dell Pro Max with GB10 FCM1253"),
      },
    },
    {
      label: "HP ZGX Nano G1n AI Station",
      evidence: { gpuNames: ["NVIDIA GB10"], dmi: dmi("HP", "HP ZGX Nano G1n AI Station") },
    },
    {
      label: "Lenovo ThinkStation PGX",
      evidence: {
        fastosRelease: fixture("spark/fastos-release"),
        dmi: dmi("LENOVO", "30KL0004FC", "ThinkStation PGX"),
      },
    },
    {
      label: "MSI EdgeXpert",
      evidence: {
        pciIds: ["10de:2e12"],
        dmi: dmi("Micro-Star International Co., Ltd.", "MS-C931", "1.0", "EdgeXpert (MS-C931)"),
      },
    },
    { label: "NVIDIA GB10 machine", evidence: { pciIds: ["10de:2e12"] } },
  ];

  it.each(boxes)("is recognised and named: $label", ({ label, evidence }) => {
    expect(recogniseProduct({ ...nothing, ...evidence })).toMatchObject({ spark: true, label });
  });

  it("is still one while its driver hides behind a stand-in name", () => {
    const evidence = { ...nothing, pciIds: ["10de:2e12"], gpuNames: ["NVIDIA JMJWOA-Generic-GPU"] };
    expect(recogniseProduct(evidence).spark).toBe(true);
  });

  it("says which DGX OS runs: the last update taken", () => {
    const product = recogniseProduct({ ...nothing, dgxRelease: fixture("spark/dgx-release") });
    expect(product).toEqual({ spark: true, label: "NVIDIA DGX Spark", osVersion: "7.5.0" });
  });
});

describe("another machine", () => {
  it.each([
    [
      "an N1X laptop by its FastOS",
      { fastosRelease: 'NAME="N1x FASTOS"\n', gpuNames: ["NVIDIA GB10"] },
    ],
    [
      "an N1X laptop by its GPU",
      { pciIds: ["10de:2e06"], fastosRelease: fixture("spark/fastos-release") },
    ],
    ["a GPU that reports only a stand-in name", { gpuNames: ["NVIDIA JMJWOA-Generic-GPU"] }],
    [
      "a DGX server",
      { dgxRelease: 'DGX_NAME="DGX Server"\nDGX_PRETTY_NAME="NVIDIA DGX Server"\n' },
    ],
    ["a data centre GPU with a longer number", { gpuNames: ["NVIDIA GB100"] }],
    ["a PC whose firmware claims the name", { dmi: dmi("NVIDIA", "NVIDIA_DGX_Spark") }],
    ["a machine with nothing", {}],
  ])("is no Spark: %s", (_name, evidence) => {
    expect(recogniseProduct({ ...nothing, ...evidence }).spark).toBe(false);
  });

  it("is named all the same", () => {
    const firmware = dmi("QEMU", "Standard PC (Q35 + ICH9, 2009)");
    expect(recogniseProduct({ ...nothing, dmi: firmware })).toMatchObject({
      spark: false,
      label: "QEMU Standard PC (Q35 + ICH9, 2009)",
    });
  });
});

describe("the firmware's name", () => {
  it.each([
    ["placeholders name nothing", dmi("To Be Filled By O.E.M.", "System Product Name"), null],
    [
      "a board stands in for a product without a name",
      dmi("Gigabyte Technology Co., Ltd.", "Default string", "", "X670 AORUS"),
      "Gigabyte X670 AORUS",
    ],
    ["a maker that repeats its own name", dmi("Dell Inc.", "Dell XPS 15"), "Dell XPS 15"],
  ])("%s", (_name, read, label) => {
    expect(productLabel(read)).toBe(label);
  });
});

describe("release files", () => {
  it("gives the serial number to nobody", () => {
    expect(JSON.stringify(parseDgxRelease(fixture("spark/dgx-release")))).not.toContain(
      "1234567890123",
    );
  });

  it("reads values without quotes", () => {
    expect(parseDgxRelease("DGX_NAME=DGX Spark\nDGX_SWBUILD_VERSION=7.2.3\n")).toEqual({
      spark: true,
      prettyName: "DGX Spark",
      version: "7.2.3",
    });
    expect(parseFastosRelease("NAME=DGX SPARK FASTOS\n")).toBe("spark");
  });

  it("makes nothing of an empty file", () => {
    expect(parseDgxRelease("")).toEqual({ spark: false, prettyName: null, version: null });
    expect(parseFastosRelease("")).toBeNull();
  });
});
