// Places: an outlet each, with its store and by-hand switches and what is typed into its dashboard.

import { attempt, quoted, say, send } from "./api.js";
import { button, byId, el, keep, toggle } from "./dom.js";
import { ask } from "./question.js";

export function showPlaces(outlets, refresh) {
  keep(byId("places"), outlets, (outlet) => outlet.code, (outlet) => place(outlet, refresh));
}

function place(outlet, refresh) {
  const path = `outlets/${quoted(outlet.code)}`;
  const back = outlet.turn_on_time ? ` until ${outlet.turn_on_time}` : "";
  return el(
    "article",
    { class: "place", "aria-label": outlet.name },
    el(
      "div",
      {},
      el("h2", {}, el("a", { href: `/outlets/${quoted(outlet.code)}` }, outlet.name)),
      el("span", { class: "soft" }, `${outlet.code} · ${outlet.live} in the kitchen`),
      !outlet.open && el("span", { class: "remark" }, `Closed${back}${outlet.reason ? `: ${outlet.reason}` : ""}`),
    ),
    el(
      "div",
      { class: "switches" },
      toggle("By hand", outlet.manual, async (manual) => {
        await attempt(() => send(path, { manual }), manual ? "You move the orders." : "Orders move by themselves.");
        refresh();
      }, "On: nothing moves by itself. Off: orders walk through the kitchen on their own."),
      toggle("Store open", outlet.open, (open) => switchStore(path, open, refresh), "Tells the other side at once."),
      button("Ask status", () => askStatus(path)),
      button("Dashboard", () => typeDashboard(outlet, path, refresh)),
    ),
  );
}

async function switchStore(path, open, refresh) {
  const typed = open
    ? {}
    : await ask("Close the store", [
        { name: "reason", label: "Reason", value: "Kitchen closed" },
        { name: "turn_on_time", label: "Opens again, YYYY-MM-DD HH:MM:SS (may be empty)" },
      ], "Close", true);
  if (!typed) return;
  await attempt(() => send(`${path}/store`, { open, ...typed }), open ? "Open." : "Closed.");
  refresh();
}

async function askStatus(path) {
  const answer = await attempt(() => send(`${path}/store/ask`));
  if (answer) say(`Store status ${answer.store_status}: ${answer.message ?? answer.status ?? ""}`);
}

async function typeDashboard(outlet, path, refresh) {
  const typed = await ask(`Dashboard of ${outlet.name}`, [
    { name: "dashboard_url", label: "Address that /menu, /stock, /store-status-get and -update are added to", type: "url", value: outlet.dashboard_url },
    { name: "dashboard_token", label: outlet.has_token ? "Token (empty: stays as it is)" : "Token (may be empty)" },
    { name: "callback_keys", label: "Keys of order callbacks", type: "choice", options: keys(outlet.callback_keys) },
  ], "Save");
  if (!typed) return;
  if (!typed.dashboard_token) delete typed.dashboard_token;
  await attempt(() => send(path, typed), "Saved.");
  refresh();
}

function keys(current) {
  const all = [["production", "as they arrive in production"], ["published", "as the reference has them"]];
  return all.sort(([one]) => (one === current ? -1 : 1));
}
