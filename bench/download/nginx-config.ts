import { join } from "node:path";
import type { ServedFile } from "./hosted-files.ts";

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
}

/** The Hub on one port and its content on another, answered from files alone. */
export function nginxConfig({ folder, files, link, hubPort, contentPort }: NginxSetup): string {
  const location = (match: string, name: string, body: string) =>
    link.latencyMs === undefined
      ? `location ${match} { ${body} }`
      : `location ${match} { echo_sleep ${link.latencyMs / 1000}; echo_exec @${name}; }
    location @${name} { ${body} }`;
  const entries = (value: (file: ServedFile) => string) =>
    files.map((file) => `    "${resolvePath(file)}" "${value(file)}";`).join("\n");
  const linked = files.filter(({ lfs }) => lfs);
  return `load_module modules/ngx_http_echo_module.so;
daemon off;
worker_processes 1;
${process.getuid?.() === 0 ? "user root;" : ""}
pid ${join(folder, "nginx.pid")};
error_log ${join(folder, "error.log")};
events { worker_connections 4096; }
http {
  log_format bench '$server_port $request_method $status $body_bytes_sent $uri';
  access_log ${join(folder, "access.log")} bench;
${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `  ${name}_temp_path ${join(folder, `${name}_temp`)};`).join("\n")}
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
  map $request_uri $commit { ~/resolve/(?<sha>[0-9a-f]+)/ $sha; }
  map $request_body $asked_path { '~"paths":\\["(?<asked>[^"]+)"\\]' $asked; }
  server {
    listen 127.0.0.1:${hubPort};
    ${location("/api/", "api", "default_type application/json;")}
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
        add_header Accept-Ranges bytes;
        return 302 http://127.0.0.1:${contentPort}/blobs/$blob?signature=bench;
      }
      rewrite ^ /blobs/$blob break;`,
    )}
  }
  server {
    listen 127.0.0.1:${contentPort};
    ${location("~ ^/blobs/(?<name>.+)$", "content", `add_header ETag '"$name"';`)}
  }
}
`;
}

export function resolvePath({ repo, commit, path }: ServedFile): string {
  return `/${repo}/resolve/${commit}/${path}`;
}
