/** Loads what the usual commands load, and does nothing with it: install.sh runs it once, so that Node keeps the compiled form and the first run is quick. */
await Promise.all([
  import("./main.ts"),
  import("../commands/pull.ts"),
  import("../commands/setup/setup.ts"),
  import("../commands/status.ts"),
  import("../ui/ink/writer.tsx"),
  import("../ui/plain/writer.ts"),
]);
