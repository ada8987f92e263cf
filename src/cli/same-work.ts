import type { HerosCommand } from "./program.ts";

/** Whether two commands ask for the same work, however they show it. */
export function isSameWork(one: HerosCommand, other: HerosCommand): boolean {
  return JSON.stringify(workOf(one)) === JSON.stringify(workOf(other));
}

function workOf(command: HerosCommand) {
  const { token: _token, ...questionFlags } = command.questionFlags;
  const { name, settingFlags, configFile } = command;
  const models = command.name === "pull" ? { models: command.models, all: command.all } : {};
  return { name, questionFlags, settingFlags, configFile, ...models };
}
