// The loop of every script here: a JSON line {call, with, url, token} in, a JSON line {result} or {error} out.
import { createInterface } from "node:readline";

/** The function at a dotted path, called on its owner. */
export function called(client, path, given) {
  const names = path.split(".");
  const method = names.pop();
  const owner = names.reduce((each, name) => each[name], client);
  return owner[method](...given);
}

export async function answerCalls(answer, told) {
  for await (const line of createInterface({ input: process.stdin })) {
    let said;
    try {
      said = { result: await answer(JSON.parse(line)) };
    } catch (error) {
      said = { error: { name: error.name, message: error.message, ...told(error) } };
    }
    process.stdout.write(JSON.stringify(said) + "\n");
  }
}
