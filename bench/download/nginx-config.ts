import { join } from "node:path";
import { nginxHead, nginxTempPaths } from "../nginx.ts";
import type { ServedFile } from "./hosted-files.ts";
import { xetToken } from "./xet/server.ts";
import { storeFolder, xorbFolder } from "./xet/store.ts";

/** How far away the server seems. */
export interface Link {
  /** Held by the kernel's pacing, so that nothing of ours is in between. */
  readonly bytesPerSecondPerConnection?: number;
  /** What the kernel holds for a connection that takes no more: it counts as sent. Left out: its own choice. */
  readonly sendBufferBytes?: number;
  /** Before each answer. */
  readonly latencyMs?: number;
}

export interface NginxSetup {
  readonly folder: string;
  readonly files: readonly ServedFile[];
  readonly link: Link;
  readonly hubPort: number;
  readonly contentPort: number;
  /** Where the way from chunks to files is answered; left out: the server has no Xet. */
  readonly reconstructionPort?: number;
}

/** The Hub on one port and its content on another, answered from files alone but for `/v2/reconstructions`. */
export function nginxConfig(setup: NginxSetup): string {
  const { folder, files, link, hubPort, contentPort } = setup;
  const location = (match: string, name: string, body: string) =>
    link.latencyMs === undefined
      ? `location ${match} { ${body} }`
      : `location ${match} { echo_sleep ${link.latencyMs / 1000}; echo_exec @${name}; }
    location @${name} { ${body} }`;
  const entries = (value: (file: ServedFile) => string) =>
    files.map((file) => `    "${resolvePath(file)}" "${value(file)}";`).join("\n");
  const linked = files.filter(({ lfs }) => lfs);
  const inXet = files.filter(({ xetHash }) => xetHash !== undefined);
  const hub = `http://127.0.0.1:${hubPort}`;
  return `load_module modules/ngx_http_echo_module.so;
${nginxHead(folder)}
http {
  log_format bench '$server_port $request_method $status $body_bytes_sent $uri';
  access_log ${join(folder, "access.log")} bench;
${nginxTempPaths(folder)}
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  etag off;
  root ${folder};
  default_type application/octet-stream;
  map_hash_max_size 65536;
  map_hash_bucket_size 1024;
  map $uri $blob {
${entries(({ blobName }) => blobName)}
  }
  map $uri $linked_size {
    default "";
${linked.map((file) => `    "${resolvePath(file)}" "${file.sizeBytes}";`).join("\n")}
  }
  map $uri $xet_hash {
    default "";
${inXet.map((file) => `    "${resolvePath(file)}" "${file.xetHash}";`).join("\n")}
  }
  map $uri $xet_link {
    default "";
${inXet.map((file) => `    "${resolvePath(file)}" '<${hub}${tokenPath(file)}>; rel="xet-auth"';`).join("\n")}
  }
  map $request_uri $commit { ~/resolve/(?<sha>[0-9a-f]+)/ $sha; }
  map $request_body $asked_path { '~"paths":\\["(?<asked>[^"]+)"\\]' $asked; }
  server {
    listen 127.0.0.1:${hubPort};
    ${location("/api/", "api", "default_type application/json;")}
${xetRoutes(setup, hub)}
    location ~ ^/api/models/[^/]+/[^/]+/paths-info/ {
      echo_read_request_body;
      ${link.latencyMs === undefined ? "" : `echo_sleep ${link.latencyMs / 1000};`}
      echo_exec @paths;
    }
    location @paths { error_page 405 =200 /answers$uri/$asked_path; return 405; }
    location /answers/ { internal; default_type application/json; alias ${folder}/; }
    ${location(
      "~ ^/[^/]+/[^/]+/resolve/",
      "file",
      `
      add_header X-Repo-Commit $commit;
      add_header ETag '"$blob"';
      if ($linked_size) {
        add_header X-Repo-Commit $commit;
        add_header X-Linked-Etag '"$blob"';
        add_header X-Linked-Size $linked_size;
        add_header ETag '"$blob"';
        add_header X-Xet-Hash $xet_hash;
        add_header Link $xet_link;
        add_header Accept-Ranges bytes;
        return 302 http://127.0.0.1:${contentPort}/blobs/$blob?signature=bench;
      }
      rewrite ^ /blobs/$blob break;`,
    )}
  }
  server {
    listen 127.0.0.1:${contentPort};
    ${location("~ ^/blobs/(?<name>.+)$", "content", `add_header ETag '"$name"';`)}
    location /xorbs/ { alias ${join(folder, storeFolder, xorbFolder)}/; }
  }
}
`;
}

export function xorbUrl(contentPort: number, xorb: string): string {
  return `http://127.0.0.1:${contentPort}/xorbs/default.${xorb}`;
}

/** The token, as headers for Python's client and as a body for hf_xet itself, and the way to the server that it is good for. */
function xetRoutes({ reconstructionPort: port }: NginxSetup, hub: string): string {
  if (port === undefined) return "";
  const expires = 4_000_000_000;
  const token = JSON.stringify({ casUrl: hub, accessToken: xetToken, exp: expires });
  return `    location ~ ^/api/models/[^/]+/[^/]+/xet-read-token/ {
      default_type application/json;
      add_header X-Xet-Cas-Url ${hub};
      add_header X-Xet-Access-Token ${xetToken};
      add_header X-Xet-Token-Expiration ${expires};
      return 200 '${token}';
    }
    location /v2/reconstructions/ { proxy_pass http://127.0.0.1:${port}; }`;
}

function tokenPath({ repo, commit }: ServedFile): string {
  return `/api/models/${repo}/xet-read-token/${commit}`;
}

export function resolvePath({ repo, commit, path }: ServedFile): string {
  return `/${repo}/resolve/${commit}/${path}`;
}
