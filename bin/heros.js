#!/usr/bin/env -S node --max-semi-space-size=2
// With more room for young garbage, V8 fills it: 10,000 small files would take twice the memory.
// Old syntax, and no static import: an old Node must get as far as the sentence below.
var major = Number(process.versions.node.split(".")[0]);
var minor = Number(process.versions.node.split(".")[1]);

var byNpm = /\/node_modules\/heros\/bin\//.test(import.meta.url);

// As the command line itself ends where it has no writer yet.
function complain(code, message, hint, exitCode) {
  var line = process.argv.slice(2).join(" ");
  if (/(^| )--(json|output[ =]json)( |$)/.test(line)) {
    var closing = { v: 1, at: 0, type: "run.failed" };
    closing.code = code;
    closing.message = message;
    closing.hint = hint;
    closing.exitCode = exitCode;
    process.stdout.write(JSON.stringify(closing) + "\n");
  } else {
    process.stderr.write(message + "\n" + hint + "\n");
  }
  process.exitCode = exitCode;
}

if (major < 24 || (major === 24 && minor < 5)) {
  complain(
    "node.too_old",
    "heros needs Node 24.5 or newer, and this is Node " + process.versions.node + ".",
    byNpm
      ? "Install a newer Node, or heros with a Node of its own: see https://github.com/her-os/heros#install"
      : 'Run "sh install.sh" in the folder of heros: it brings a Node of its own and leaves yours alone.',
    4,
  );
} else if (
  process.argv.length === 3 &&
  (process.argv[2] === "--version" || process.argv[2] === "-V")
) {
  var fs = process.getBuiltinModule("fs");
  var text = fs.readFileSync(new URL("../package.json", import.meta.url), "utf8");
  var version = JSON.parse(text).version + "\n";
  try {
    fs.writeSync(1, version);
  } catch {
    // A pipe that is full: the stream waits for it. Loading that takes a fifth of the whole time, so it comes second.
    process.stdout.write(version);
  }
} else {
  // Node's calls on files wait for four threads, and where a sync takes seconds, four small files keep all others waiting.
  process.env.UV_THREADPOOL_SIZE = process.env.UV_THREADPOOL_SIZE || "16";
  var url = process.getBuiltinModule("url");
  process
    .getBuiltinModule("module")
    .enableCompileCache(
      url.fileURLToPath(new URL("../node_modules/.cache/heros", import.meta.url)),
    );
  import("../dist/cli/main.js").then(
    function (cli) {
      return cli.main();
    },
    function (error) {
      if (error.code === "ERR_MODULE_NOT_FOUND" && String(error.url).endsWith("/dist/cli/main.js"))
        complain(
          "install.not_built",
          "heros is not built here yet.",
          'Run "npm ci && npm run build" first.',
          1,
        );
      else
        complain(
          "install.broken",
          "heros can't be loaded: " + error.message,
          byNpm
            ? "Install it again with npm."
            : 'Install it again: run "sh install.sh" in the folder of heros.',
          1,
        );
    },
  );
}
