// Calls @notionhq/client: a JSON line {call, with, url, token, version} in, a JSON line {result} or {error} out.
import { createInterface } from "node:readline";
import { Client, LogLevel } from "@notionhq/client";

async function answer({ call, with: given, url, token, version }) {
  const client = new Client({
    auth: token,
    baseUrl: url,
    notionVersion: version,
    logLevel: LogLevel.ERROR,
    logger: () => {},
    retry: false,
  });
  const path = call.split(".");
  const method = path.pop();
  const owner = path.reduce((each, name) => each[name], client);
  return owner[method](given ?? {});
}

for await (const line of createInterface({ input: process.stdin })) {
  let said;
  try {
    said = { result: await answer(JSON.parse(line)) };
  } catch (error) {
    said = { error: { name: error.name, code: error.code, status: error.status, message: error.message } };
  }
  process.stdout.write(JSON.stringify(said) + "\n");
}
