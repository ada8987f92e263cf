import path from "node:path";
import { separator } from "./merge.ts";
import {
  isWrittenList,
  isWrittenMap,
  textOf,
  type Written,
  type WrittenMap,
  written,
} from "./written.ts";

/** By which compose takes paths. */
export interface Folders {
  /** Of the project. */
  readonly project: string;
  readonly home: string;
}

/**
 * The same with paths that say where they lead from anywhere, so that the file can stand in another folder. What begins with a
 * variable stays as it is.
 */
export function withAbsolutePaths(root: WrittenMap, folders: Folders): WrittenMap {
  const absolute: Change = (value) => {
    const text = textOf(value);
    if (text === null) return value;
    const whole = absolutePath(text, folders);
    return whole === text ? value : written(whole);
  };
  const files = mapEach((each) => change(each, { file: absolute }));
  const service: Change = (each) =>
    change(each, {
      build: (build) =>
        isWrittenMap(build)
          ? change(build, { context: context(absolute) })
          : context(absolute)(build),
      env_file: listed((entry) =>
        isWrittenMap(entry) ? change(entry, { path: absolute }) : absolute(entry),
      ),
      label_file: listed(absolute),
      volumes: listed((mount) => absoluteMount(mount, absolute, folders)),
      develop: (develop) =>
        change(develop, { watch: listed((watch) => change(watch, { path: absolute })) }),
    });
  const whole = change(root, { services: mapEach(service), secrets: files, configs: files });
  return isWrittenMap(whole) ? whole : root;
}

function absolutePath(text: string, { project, home }: Folders): string {
  if (text.startsWith("$")) return text;
  if (text === "~" || text.startsWith("~/")) return path.join(home, text.slice(1));
  return path.resolve(project, text);
}

type Change = (value: Written) => Written;

function change(value: Written, changes: Readonly<Record<string, Change>>): Written {
  if (!isWrittenMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, changes[key]?.(each) ?? each]),
  );
}

function mapEach(each: Change): Change {
  return (value) =>
    isWrittenMap(value)
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, each(inner)]))
      : value;
}

function listed(each: Change): Change {
  return (value) => (isWrittenList(value) ? value.map(each) : each(value));
}

/** A build's context may be an address, or another one's name. */
function context(absolute: Change): Change {
  return (value) =>
    /^(?:[a-z][a-z0-9+.-]*:|git@|github\.com\/)/iu.test(textOf(value) ?? "")
      ? value
      : absolute(value);
}

function absoluteMount(mount: Written, absolute: Change, folders: Folders): Written {
  if (isWrittenMap(mount)) {
    return textOf(mount["type"]) === "bind" ? change(mount, { source: absolute }) : mount;
  }
  const [source = "", ...rest] = (textOf(mount) ?? "").split(separator);
  if (rest.length === 0 || !/^(?:\.|~(?:\/|$))/u.test(source)) return mount;
  return written([absolutePath(source, folders), ...rest].join(":"));
}
