// Ledger: what happened, newest first.

import { attempt, quoted, read } from "./api.js";
import { age, byId, el, keep } from "./dom.js";

const KINDS = { order: "save_order", callback: "callback", dashboard: "dashboard", cancel: "cancelled", act: "by hand", stage: "kitchen", rider: "rider" };
const COUNTS = ["requests", "accepted", "duplicate", "refused", "dropped", "ignored", "tickets", "cancelled", "callbacks_acknowledged", "callbacks_refused", "callbacks_unclear"];

export async function showLedger(code) {
  const answer = await attempt(() => read("events"));
  if (!answer) return;
  const section = byId("ledger");
  if (!section.querySelector("ol")) section.append(el("p", { class: "soft" }), el("ol", { class: "events" }));
  const counts = COUNTS.filter((name) => answer.counts[name]).map((name) => `${name.replace("_", " ")} ${answer.counts[name]}`);
  section.querySelector("p").textContent = counts.join(" · ") || "Nothing has happened yet.";
  const events = answer.events.filter((event) => !code || !event.restID || event.restID === code);
  keep(section.querySelector("ol"), events, (event) => event.id, row);
}

function row(event) {
  const [words, bad] = tell(event);
  return el(
    "li",
    { class: bad ? "bad" : "" },
    el("time", { datetime: event.at, title: event.at }, age(event.at)),
    el("b", {}, KINDS[event.kind] ?? event.kind),
    event.reference ? el("a", { href: `/_sim/orders/${quoted(event.reference)}` }, event.reference) : el("span", {}, event.restID ?? ""),
    el("span", {}, words.filter(Boolean).join(" · ")),
  );
}

function tell(event) {
  const tries = event.attempt > 1 ? `try ${event.attempt}` : "";
  const result = [event.result, event.http_status ?? event.error, tries];
  const failed = event.result && event.result !== "acknowledged";
  switch (event.kind) {
    case "order":
      return [[event.decision, event.why, event.behaviour], ["refused", "dropped", "ignored"].includes(event.decision)];
    case "callback":
      return [[event.status, ...result], failed];
    case "dashboard":
      return [[event.call, event.about, ...result, event.note], failed];
    case "act":
      return [[event.act, event.stage, event.reason], false];
    case "rider":
      return [[event.rider.status, event.rider.name, event.rider.phone], false];
    default:
      return [[event.stage, event.reason], false];
  }
}
