// Calls @notionhq/client, at the version of the API that the line says.
import { Client, LogLevel } from "@notionhq/client";
import { answerCalls, called } from "./calls.mjs";

function answer({ call, with: given, url, token, version }) {
  const client = new Client({
    auth: token,
    baseUrl: url,
    notionVersion: version,
    logLevel: LogLevel.ERROR,
    logger: () => {},
    retry: false,
  });
  return called(client, call, [given ?? {}]);
}

await answerCalls(answer, (error) => ({ code: error.code, status: error.status }));
