// Calls @linear/sdk; `then` names what to get of the result, one after the other, as the library fetches it.
import { LinearClient } from "@linear/sdk";
import { answerCalls, called } from "./calls.mjs";

async function answer({ call, with: given, url, token, key, then = [] }) {
  const client = new LinearClient({ apiUrl: `${url}/graphql`, ...(key ? { apiKey: key } : { accessToken: token }) });
  if (call === "viewer") return plain(await client.viewer);
  let result = await called(client, call, given);
  for (const name of then) {
    const next = result[name];
    result = await (typeof next === "function" ? next.call(result) : next);
  }
  return plain(result);
}

function plain(value) {
  return JSON.parse(JSON.stringify(value, (name, each) => (name.startsWith("_") ? undefined : each)));
}

await answerCalls(answer, (error) => ({ type: error.type, status: error.status, messages: error.errors?.map((each) => each.message) }));
