// Menu: everything that can be sold, with its switch, and the Menu Trigger.

import { attempt, quoted, read, send } from "./api.js";
import { button, byId, el, toggle } from "./dom.js";
import { ask } from "./question.js";

const UNTIL = [["", "switched on by hand"], ["endofday", "the end of the day"], ["custom", "the time below"]];

export async function showMenu(code) {
  const section = byId("menu");
  if (!code) {
    section.replaceChildren(el("p", { class: "soft" }, "Choose an outlet above."));
    return;
  }
  const menu = await attempt(() => read(`menus/${quoted(code)}`));
  if (!menu) return;
  const again = () => showMenu(code);
  section.replaceChildren(
    el("p", { class: "actions" }, button("Menu Trigger", () => push(code), "main"), el("span", { class: "soft" }, "sends the whole menu to the dashboard's address")),
    ...menu.categories.map((category) => group(category.name || "No category", category.items, (one) => entry(code, one, false, again))),
    ...menu.addons.map((addons) => group(`Add-ons: ${addons.name}`, addons.items, (one) => entry(code, one, true, again))),
  );
}

const push = (code) => attempt(() => send(`menus/${quoted(code)}/push`), "On its way; the ledger says what came of it.");

const group = (name, items, build) => el("section", { class: "group" }, el("h2", {}, name), el("ul", {}, items.map(build)));

function entry(code, one, addons, again) {
  const variations = one.variations ?? [];
  return el(
    "li",
    {},
    row(code, one, addons, again, variations.length > 0),
    variations.length > 0 && el("ul", {}, variations.map((variation) => el("li", {}, row(code, variation, addons, again)))),
  );
}

function row(code, one, addons, again, hasVariations = false) {
  return el(
    "div",
    { class: "row" },
    toggle(one.name || one.id, one.in_stock, (wanted) => switchStock(code, one, wanted, addons, again)),
    !one.in_stock && el("span", { class: "remark" }, one.back_at ? `off until ${one.back_at}` : "off"),
    el("span", { class: "amount" }, hasVariations ? "" : one.price),
  );
}

async function switchStock(code, one, wanted, addons, again) {
  const typed = wanted ? {} : await ask(`Switch off: ${one.name}`, [
    { name: "until", label: "Until", type: "choice", options: UNTIL },
    { name: "time", label: "Time, YYYY-MM-DD HH:MM" },
  ], "Switch off", true);
  if (!typed) return;
  const until = typed.until === "custom" ? typed.time || "?" : typed.until || "";
  const body = { ids: [one.id], in_stock: wanted, addons, until };
  await attempt(() => send(`outlets/${quoted(code)}/stock`, body), wanted ? "On." : "Off.");
  again();
}
