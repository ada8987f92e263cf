const [address, port] = ["127.0.0.1", 7171];

/** Examples of `heros serve`'s failures. */
export const serveFailureExamples = {
  "serve.bad_tokens": [{ file: "/home/ann/serve-tokens", problem: "it is empty" }],
  "serve.no_address": [{ address: "192.168.1.20" }],
  "serve.no_cache": [{ folder: "/home/ann/.cache/huggingface/hub" }],
  "serve.not_announceable": [{ listen: "127.0.0.1" }],
  "serve.open_secret": [{ file: "/home/ann/serve-tokens", mode: "644" }],
  "serve.problem": [{ error: new Error("EMFILE: too many open files") }],
  "serve.port_denied": [{ address, port: 80 }],
  "serve.port_taken": [{ address, port }],
} as const;
