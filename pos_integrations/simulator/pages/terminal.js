// Terminal: which view is shown, and when it is read again.

import { quoted, read } from "./api.js";
import { showBehaviour } from "./behaviour.js";
import { byId, el, keep, showAges } from "./dom.js";
import { showLedger } from "./ledger.js";
import { showMenu } from "./menu.js";
import { showOrders } from "./orders.js";
import { showPlaces } from "./places.js";

const VIEWS = ["orders", "menu", "ledger", "behaviour"];
const POLL_MS = 1200;
const code = decodeURIComponent(location.pathname.match(/^\/outlets\/([^/]+)$/)?.[1] ?? "");

const view = () => (VIEWS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "orders");

let reading = Promise.resolve();

// One reading after another, so that an old answer never overwrites a newer one.
function refresh() {
  reading = reading.then(load);
  return reading;
}

async function load() {
  try {
    const state = await read("terminal");
    const mine = (one) => !code || (one.code ?? one.restID) === code;
    showTabs(state.outlets);
    showPlaces(state.outlets.filter(mine), refresh);
    const names = new Map(code ? [] : state.outlets.map((outlet) => [outlet.code, outlet.name]));
    showOrders({ ...state, orders: state.orders.filter(mine) }, names, refresh);
    const waiting = state.outlets.filter(mine).reduce((sum, outlet) => sum + outlet.waiting, 0);
    document.title = waiting ? `(${waiting}) Terminal` : "Terminal";
    if (view() === "ledger") await showLedger(code);
    byId("trouble").hidden = true;
  } catch (error) {
    byId("trouble").textContent = `The simulated POS does not answer: ${error.message}`;
    byId("trouble").hidden = false;
  }
  showAges();
}

function showTabs(outlets) {
  const all = [{ code: "", name: "All outlets", waiting: 0 }, ...outlets];
  const shown = all.map(({ code, name, waiting }) => ({ code, name, waiting }));
  keep(byId("outlets"), shown, (outlet) => outlet.code, (outlet) =>
    el(
      "a",
      { href: outlet.code ? `/outlets/${quoted(outlet.code)}` : "/", "aria-current": outlet.code === code ? "page" : null },
      outlet.name,
      outlet.waiting > 0 && el("span", { class: "count" }, String(outlet.waiting)),
    ),
  );
}

function showView() {
  for (const name of VIEWS) byId(name).hidden = name !== view();
  for (const tab of byId("tabs").children) {
    if (tab.hash.slice(1) === view()) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  if (view() === "menu") showMenu(code);
  if (view() === "behaviour") showBehaviour();
  refresh();
}

async function poll() {
  if (!document.hidden) await refresh();
  setTimeout(poll, POLL_MS);
}

addEventListener("hashchange", showView);
document.addEventListener("visibilitychange", () => !document.hidden && refresh());
showView();
poll();
