// A registry of Ollama's for ollama.sh: node ollama-registry.ts FOLDER
// Says where it is. Each request is a line of FOLDER/requests; while FOLDER/half is there, weights come as far as 3 MB and no further.
import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { ollamaModel } from "../source/ollama/models.ts";
import { startRegistry } from "../source/oci/registry-server.ts";

const folder = process.argv[2] ?? "";
const halfBytes = 3_000_000;
const columns = 256;

/** A whole GGUF file (github.com/ggml-org/ggml, docs/gguf.md) of one tensor, as large as it has rows. */
function gguf(name: string, rows: number): Buffer {
  const number = (value: number, bytes: 4 | 8): Buffer => {
    const buffer = Buffer.alloc(bytes);
    if (bytes === 4) buffer.writeUInt32LE(value);
    else buffer.writeBigUInt64LE(BigInt(value));
    return buffer;
  };
  const text = (value: string): Buffer =>
    Buffer.concat([number(Buffer.byteLength(value), 8), Buffer.from(value)]);
  const ofText = (key: string, value: string) => [text(key), number(8, 4), text(value)];
  const ofNumber = (key: string, value: number) => [text(key), number(4, 4), number(value, 4)];
  const values = [
    ofText("general.architecture", "llama"),
    ofText("general.name", name),
    ofNumber("general.file_type", 0),
    ofNumber("llama.block_count", 1),
    ofNumber("llama.context_length", 512),
    ofNumber("llama.embedding_length", columns),
  ];
  const header = Buffer.concat([
    Buffer.from("GGUF"),
    number(3, 4),
    number(1, 8),
    number(values.length, 8),
    ...values.flat(),
    text("token_embd.weight"),
    number(2, 4),
    number(columns, 8),
    number(rows, 8),
    number(0, 4),
    number(0, 8),
  ]);
  const data = new Float32Array(columns * rows);
  for (let at = 0; at < data.length; at += 1) data[at] = Math.sin(at) / 8;
  const padding = Buffer.alloc((32 - (header.length % 32)) % 32);
  return Buffer.concat([header, padding, Buffer.from(data.buffer)]);
}

let halves = 0;
const registry = await startRegistry({
  storage: true,
  // Ollama takes a redirect to another name for one to a storage.
  storageName: "localhost",
  intercept({ server, method, url, range }) {
    appendFileSync(join(folder, "requests"), `${JSON.stringify({ server, method, url, range })}\n`);
    if (server !== "storage" || !existsSync(join(folder, "half"))) return undefined;
    const [, start, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
    if (start === undefined || Number(last) - Number(start) < halfBytes) return undefined;
    halves += 1;
    return halves === 1 ? { cutAfterBytes: halfBytes } : { hang: true };
  },
});
registry.push("library/tiny", "1", ollamaModel("tiny", { weights: gguf("tiny", 512) }));
registry.push("library/large", "1", ollamaModel("large", { weights: gguf("large", 8000) }));
registry.push("library/other", "1", ollamaModel("other", { weights: gguf("other", 9000) }));
process.stdout.write(`${registry.host}\n`);
