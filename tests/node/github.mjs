// Calls @octokit/rest; {paged: true} follows pages as the library does.
import { Octokit } from "@octokit/rest";
import { answerCalls, called } from "./calls.mjs";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

async function answer({ call, with: given, url, token, paged }) {
  const octokit = new Octokit({ auth: token, baseUrl: url, log: quiet });
  if (paged) {
    const names = call.split(".");
    return octokit.paginate(names.reduce((each, name) => each[name], octokit.rest), given);
  }
  const { data, headers } = await called(octokit.rest, call, [given]);
  return { data: data instanceof ArrayBuffer ? Buffer.from(data).toString("latin1") : data, headers };
}

await answerCalls(answer, (error) => ({ status: error.status, data: error.response?.data }));
