// Talking to the simulated POS, which serves this page.

import { byId } from "./dom.js";

async function call(path, options) {
  const answer = await fetch(`/_sim/${path}`, options);
  const document = await answer.json();
  if (!answer.ok) throw new Error(document.error || `${answer.status}`);
  return document;
}

export const read = (path) => call(path);

export const send = (path, body = {}) =>
  call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

export const quoted = encodeURIComponent;

let hiding;

export function say(text, bad = false) {
  const notice = byId("notice");
  notice.textContent = text;
  notice.className = bad ? "shown bad" : "shown";
  clearTimeout(hiding);
  hiding = setTimeout(() => (notice.className = ""), bad ? 8000 : 3000);
}

// Does what a button asks for, and says when it did not work.
export async function attempt(work, done = "") {
  try {
    const answer = await work();
    if (answer && answer.told === false) say(`${done} Nobody was told: no address.`.trim());
    else if (done) say(done);
    return answer;
  } catch (error) {
    say(error.message, true);
    return null;
  }
}
