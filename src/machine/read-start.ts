const longestBody = 256 * 1024;

/** At most the first 256 KiB of a body. */
export async function readStart(
  body: AsyncIterable<Buffer | string> & { destroy(): unknown },
): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body) {
    const buffer = Buffer.from(part);
    parts.push(buffer);
    bytes += buffer.length;
    if (bytes >= longestBody) break;
  }
  body.destroy();
  return Buffer.concat(parts).toString("utf8");
}
