import { exitCodes, row } from "../failure.ts";
import { quoted } from "../shell-quote.ts";

/** Of `heros serve`. */
export const serveFailures = {
  "serve.port_taken": row<{ address: string; port: number }>({
    exitCode: exitCodes.machine,
    message: ({ address, port }) => `Port ${port} of ${address} is in use by another program.`,
    hint: ({ address }) =>
      `Choose another port (--listen ${address}:0 takes any that is free), or see who has it: ss -ltnp`,
  }),
  "serve.port_denied": row<{ address: string; port: number }>({
    exitCode: exitCodes.machine,
    message: ({ address, port }) => `This user may not use port ${port} of ${address}.`,
    hint: () => "Ports below 1024 are for root. Choose a higher one: --listen HOST:7171",
  }),
  "serve.no_address": row<{ address: string }>({
    exitCode: exitCodes.usage,
    message: ({ address }) => `${address} is not an address of this machine.`,
    hint: () =>
      "List its addresses with: ip -brief address. For all of them: --listen 0.0.0.0:7171",
  }),
  "serve.not_announceable": row<{ listen: string }>({
    exitCode: exitCodes.usage,
    message: ({ listen }) =>
      `--announce needs an IPv4 address that other machines can reach; this server listens on ${listen}.`,
    hint: () => "Listen on all addresses: --listen 0.0.0.0:7171. Or leave --announce out.",
  }),
  "serve.no_cache": row<{ folder: string }>({
    exitCode: exitCodes.failed,
    message: ({ folder }) => `There is nothing to serve: no Hub cache in ${folder}.`,
    hint: () =>
      "Download a model first (heros pull), name the folder that holds models--* with --cache-dir, or leave --offline out.",
  }),
  /** Of one request: the others go on. */
  "serve.problem": row<{ error: unknown }>({
    exitCode: exitCodes.failed,
    message: ({ error }) =>
      `A request failed inside heros: ${error instanceof Error ? error.message : String(error)}`,
    hint: () => "If this repeats, please report it: heros report",
  }),
  "serve.open_secret": row<{ file: string; mode: string }>({
    exitCode: exitCodes.usage,
    message: ({ file, mode }) =>
      `Other users can read ${file} (mode ${mode}), which must be secret.`,
    hint: ({ file }) => `Make it yours alone: chmod 600 ${quoted(file)}`,
  }),
  "serve.bad_tokens": row<{ file: string; problem: string }>({
    exitCode: exitCodes.usage,
    message: ({ file, problem }) => `${file} has no usable tokens: ${problem}.`,
    hint: ({ file }) =>
      `Write one on each line, of at least 16 letters and digits: openssl rand -hex 24 > ${quoted(file)}`,
  }),
};
