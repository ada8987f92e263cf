import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** One stored object. */
export interface StoredObject {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface S3ServerOptions {
  readonly bucket?: string;
  readonly region?: string;
  /** Null: everybody may do everything. */
  readonly key?: { readonly id: string; readonly secret: string } | null;
  readonly pageSize?: number;
  /** Of the server's clock. */
  readonly now?: () => Date;
  /** Answers in the server's place; true where it did. */
  readonly fault?: (request: S3Asked, response: ServerResponse) => boolean;
  /** Whether hashes are kept and told, as AWS does; without, uploads are checked and forgotten. */
  readonly checksums?: boolean;
}

export interface S3Asked {
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly bodyBytes: number;
}

interface Upload {
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: Map<number, { readonly bytes: Buffer; readonly etag: string }>;
}

class S3Error extends Error {
  readonly status: number;
  readonly code: string;
  readonly more: string;
  constructor(status: number, code: string, more = "") {
    super(code);
    this.status = status;
    this.code = code;
    this.more = more;
  }
}

export const testKey = { id: "AKIDTEST", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };

/** An S3 server on loopback that checks signatures, by path. Small, and real. */
export async function startS3(options: S3ServerOptions = {}) {
  const { bucket = "models", region = "us-east-1", key = testKey, pageSize = 1000 } = options;
  const { now = () => new Date(), checksums = true } = options;
  const objects = new Map<string, StoredObject>();
  const uploads = new Map<string, Upload>();
  const asked: S3Asked[] = [];
  const sockets = new Set<Socket>();
  let uploadCount = 0;

  const server = createServer((request, response) => {
    response.on("error", () => {});
    answer(request, response).catch((error: unknown) => {
      const known = error instanceof S3Error ? error : new S3Error(500, "InternalError");
      const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${known.code}</Code><Message>It is &lt;${known.code}&gt;</Message>${known.more}</Error>`;
      response.writeHead(known.status, {
        "content-type": "application/xml",
        "x-amz-request-id": "1",
        date: now().toUTCString(),
      });
      response.end(request.method === "HEAD" ? undefined : body);
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const url = new URL(request.url ?? "", "http://x");
    const [, name = "", ...rest] = url.pathname.split("/");
    const path = decodeURIComponent(rest.join("/"));
    const { method = "GET", headers } = request;
    const told = { method, key: path, query: url.searchParams, headers, bodyBytes: body.length };
    asked.push(told);
    if (options.fault?.(told, response) === true) return;
    authorize(request, url, body);
    if (name !== bucket) throw new S3Error(404, "NoSuchBucket");
    const send = (status: number, more: Record<string, string>, content: string | Buffer = "") => {
      response.writeHead(status, {
        "x-amz-request-id": "1",
        "content-length": String(Buffer.byteLength(content)),
        ...more,
      });
      response.end(method === "HEAD" ? undefined : content);
    };
    const xml = (text: string) =>
      send(200, { "content-type": "application/xml" }, `<?xml version="1.0"?>${text}`);
    const { query } = told;
    if (method === "GET" && path === "" && query.get("list-type") === "2") return xml(list(query));
    if (method === "GET" && query.has("uploads")) return xml(listUploads(query));
    const upload = uploads.get(query.get("uploadId") ?? "");
    if (query.has("uploadId") && upload === undefined) throw new S3Error(404, "NoSuchUpload");
    if (method === "POST" && query.has("uploads")) {
      uploadCount += 1;
      const id = `upload-${uploadCount}`;
      uploads.set(id, { key: path, headers: kept(headers), parts: new Map() });
      return xml(
        `<InitiateMultipartUploadResult><Bucket>${bucket}</Bucket><Key>${path}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
      );
    }
    if (method === "GET" && upload !== undefined) {
      const parts = [...upload.parts].map(
        ([number, { bytes, etag }]) =>
          `<Part><PartNumber>${number}</PartNumber><ETag>&quot;${etag}&quot;</ETag><Size>${bytes.length}</Size></Part>`,
      );
      return xml(
        `<ListPartsResult><IsTruncated>false</IsTruncated>${parts.join("")}</ListPartsResult>`,
      );
    }
    if (method === "PUT" && upload !== undefined) {
      const etag = md5(body);
      upload.parts.set(Number(query.get("partNumber")), { bytes: body, etag });
      return send(200, { etag: `"${etag}"` });
    }
    if (method === "POST" && upload !== undefined) {
      const wanted = [
        ...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>(.*?)<\/ETag>/gu),
      ];
      const parts = wanted.map(([, number = "", etag = ""]) => {
        const part = upload.parts.get(Number(number));
        if (part === undefined || !etag.includes(part.etag)) throw new S3Error(400, "InvalidPart");
        return part;
      });
      const etag = `${md5(Buffer.concat(parts.map((part) => Buffer.from(part.etag, "hex"))))}-${parts.length}`;
      objects.set(upload.key, {
        bytes: Buffer.concat(parts.map((part) => part.bytes)),
        etag,
        headers: upload.headers,
      });
      uploads.delete(query.get("uploadId") ?? "");
      return xml(
        `<CompleteMultipartUploadResult><ETag>&quot;${etag}&quot;</ETag></CompleteMultipartUploadResult>`,
      );
    }
    if (method === "PUT") {
      const before = objects.get(path);
      const [match, none] = [headers["if-match"], headers["if-none-match"]];
      if (none === "*" && before !== undefined) throw new S3Error(412, "PreconditionFailed");
      if (match !== undefined && match !== `"${before?.etag ?? ""}"`) {
        throw new S3Error(412, "PreconditionFailed");
      }
      const etag = md5(body);
      const sum = headers["x-amz-checksum-sha256"];
      const told256 = checksums && typeof sum === "string" ? { "x-amz-checksum-sha256": sum } : {};
      objects.set(path, { bytes: body, etag, headers: { ...kept(headers), ...told256 } });
      return send(200, { etag: `"${etag}"` });
    }
    const found = objects.get(path);
    if (found === undefined) throw new S3Error(404, "NoSuchKey");
    const withSum = headers["x-amz-checksum-mode"] === "ENABLED";
    const shown = Object.fromEntries(
      Object.entries(found.headers).filter(([each]) => withSum || !each.includes("checksum")),
    );
    const about = { etag: `"${found.etag}"`, "accept-ranges": "bytes", ...shown };
    const range = /^bytes=(?<start>\d+)-(?<end>\d+)$/u.exec(headers.range ?? "")?.groups;
    if (range === undefined) return send(200, about, found.bytes);
    const start = Number(range["start"]);
    const end = Math.min(Number(range["end"]) + 1, found.bytes.length);
    if (start >= found.bytes.length) throw new S3Error(416, "InvalidRange");
    const place = `bytes ${start}-${end - 1}/${found.bytes.length}`;
    send(206, { ...about, "content-range": place }, found.bytes.subarray(start, end));
  }

  function authorize(request: IncomingMessage, url: URL, body: Buffer): void {
    if (key === null) return;
    const { headers, method = "" } = request;
    const parts =
      /^AWS4-HMAC-SHA256 Credential=(?<id>[^/]+)\/(?<day>\d{8})\/(?<region>[^/]+)\/s3\/aws4_request, ?SignedHeaders=(?<names>[^,]+), ?Signature=(?<signature>[0-9a-f]{64})$/u.exec(
        headers.authorization ?? "",
      )?.groups;
    if (parts === undefined) throw new S3Error(403, "AccessDenied");
    const time = String(headers["x-amz-date"]);
    const said = Date.parse(
      time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/u, "$1-$2-$3T$4:$5:$6Z"),
    );
    if (Math.abs(said - now().getTime()) > 15 * 60_000)
      throw new S3Error(403, "RequestTimeTooSkewed");
    if (parts["id"] !== key.id) throw new S3Error(403, "InvalidAccessKeyId");
    if (parts["region"] !== region) {
      throw new S3Error(400, "AuthorizationHeaderMalformed", `<Region>${region}</Region>`);
    }
    const sha256 = createHash("sha256").update(body).digest("hex");
    if (headers["x-amz-content-sha256"] !== sha256)
      throw new S3Error(400, "XAmzContentSHA256Mismatch");
    const sum = headers["x-amz-checksum-sha256"];
    if (sum !== undefined && sum !== Buffer.from(sha256, "hex").toString("base64")) {
      throw new S3Error(400, "BadDigest");
    }
    const names = (parts["names"] ?? "").split(";");
    for (const name of Object.keys(headers)) {
      if (name.startsWith("x-amz-") && !names.includes(name))
        throw new S3Error(403, "AccessDenied");
    }
    const search = url.search.slice(1).split("&").toSorted().join("&");
    const lines = names.map((name) => `${name}:${String(headers[name])}\n`).join("");
    const canonical = `${method}\n${url.pathname}\n${search}\n${lines}\n${names.join(";")}\n${sha256}`;
    const scope = `${parts["day"]}/${region}/s3/aws4_request`;
    const text = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${createHash("sha256").update(canonical).digest("hex")}`;
    let secret: Buffer | string = `AWS4${key.secret}`;
    for (const word of [parts["day"] ?? "", region, "s3", "aws4_request", text]) {
      secret = createHmac("sha256", secret).update(word).digest();
    }
    if (Buffer.from(secret).toString("hex") !== parts["signature"]) {
      throw new S3Error(403, "SignatureDoesNotMatch");
    }
  }

  function list(query: URLSearchParams): string {
    const prefix = query.get("prefix") ?? "";
    const keys = [...objects.keys()].filter((each) => each.startsWith(prefix)).toSorted();
    const from = Number(query.get("continuation-token") ?? "0");
    const page = keys.slice(from, from + pageSize);
    const isCut = from + pageSize < keys.length;
    const items = page.map((each) => {
      const { etag, bytes } = objects.get(each) ?? { etag: "", bytes: Buffer.alloc(0) };
      return `<Contents><Key>${each.replaceAll("&", "&amp;")}</Key><Size>${bytes.length}</Size><ETag>&quot;${etag}&quot;</ETag></Contents>`;
    });
    return `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>${isCut}</IsTruncated>${items.join("")}${isCut ? `<NextContinuationToken>${from + pageSize}</NextContinuationToken>` : ""}</ListBucketResult>`;
  }

  function listUploads(query: URLSearchParams): string {
    const prefix = query.get("prefix") ?? "";
    const found = [...uploads].filter(([, { key: own }]) => own.startsWith(prefix));
    const items = found.map(
      ([id, { key: own }]) => `<Upload><Key>${own}</Key><UploadId>${id}</UploadId></Upload>`,
    );
    return `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${items.join("")}</ListMultipartUploadsResult>`;
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    endpoint,
    bucket,
    objects,
    uploads,
    asked,
    put(path: string, content: string | Buffer, headers: Record<string, string> = {}) {
      const bytes = Buffer.from(content);
      objects.set(path, { bytes, etag: md5(bytes), headers });
    },
    /** For the AWS tools' variables. */
    env: {
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_REGION: region,
      ...(key === null ? {} : { AWS_ACCESS_KEY_ID: key.id, AWS_SECRET_ACCESS_KEY: key.secret }),
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function md5(bytes: Buffer): string {
  return createHash("md5").update(bytes).digest("hex");
}

function kept(headers: IncomingMessage["headers"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      name.startsWith("x-amz-meta-") ? [[name, String(value)]] : [],
    ),
  );
}
