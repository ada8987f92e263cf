import { expect, it } from "vitest";
import { assessCertificates } from "../../src/checks/certificates.ts";
import { late } from "../../src/host/time-limit.ts";

const asked = { untrusted: null, isOff: false, limitMs: 4000 };
const file = {
  variable: "SSL_CERT_FILE",
  path: "/etc/corp.pem",
  problem: null,
  count: 2,
  expired: [],
};

it("certificates that are trusted are told by the variable and the file they are from", () => {
  expect(assessCertificates([], asked)).toEqual({ status: "ok", found: "those of the system" });
  expect(assessCertificates([file], asked)).toEqual({
    status: "ok",
    found: "SSL_CERT_FILE: 2 certificates in /etc/corp.pem",
  });
});

it.each([
  ["can't be read", { problem: "ENOENT", count: 0 }, "/etc/corp.pem can't be read (ENOENT)"],
  ["has none", { count: 0 }, "no certificate in /etc/corp.pem"],
  ["has none that is still valid", { count: 1, expired: ["Corp Root"] }, "expired: Corp Root"],
])("a file that %s is a warning with its variable", (_, change, found) => {
  const finding = assessCertificates([{ ...file, ...change }], asked);
  expect(finding).toMatchObject({
    status: "warning",
    remedy: "Correct or unset SSL_CERT_FILE.",
  });
  expect(finding.found).toContain(found);
});

it("one expired certificate among good ones is told, and in nobody's way", () => {
  const finding = assessCertificates([{ ...file, expired: ["Old"] }], asked);
  expect(finding).toEqual({
    status: "ok",
    found: "SSL_CERT_FILE: 2 certificates in /etc/corp.pem, expired: Old",
  });
});

it("a Hub that nobody vouches for needs the network's own issuer, and never less verification", () => {
  const finding = assessCertificates([file], { ...asked, untrusted: "https://hub.example" });
  expect(finding.found).toContain("nothing here vouches for https://hub.example; SSL_CERT_FILE");
  expect(finding.remedy).toContain("sudo update-ca-certificates");
  expect(finding.remedy).not.toMatch(/REJECT_UNAUTHORIZED|insecure|verif/iu);
});

it("verification that the environment turns off is to be turned on again", () => {
  const finding = assessCertificates([], { ...asked, isOff: true });
  expect(finding).toMatchObject({
    status: "warning",
    remedy: "unset NODE_TLS_REJECT_UNAUTHORIZED",
  });
});

it("files that do not answer in time are a warning", () => {
  expect(assessCertificates(late, asked).status).toBe("warning");
});
