// Misbehaviour: at which rate save_order is answered badly, by name.

import { attempt, read, send } from "./api.js";
import { button, byId, el } from "./dom.js";

export async function showBehaviour() {
  const both = await attempt(() => Promise.all([read("behaviours"), read("behaviour")]));
  if (!both) return;
  const [names, settings] = both;
  const form = el(
    "form",
    { onsubmit: (event) => { event.preventDefault(); set(form); } },
    el("p", { class: "soft" }, "Percent of save_order calls. “After keeping”: the kitchen has the order, and only the answer goes wrong. One order alone: write ", el("code", {}, "sim:503"), ", ", el("code", {}, "sim:accept_then_reset*1"), " or ", el("code", {}, "sim:delay=3"), " into its note."),
    el("p", { class: "actions" }, el("button", { class: "main" }, "Set rates"), button("Behave", () => behave()), settingsText(settings)),
    el(
      "div",
      { class: "scroll" },
      el(
        "table",
        {},
        el("thead", {}, el("tr", {}, ["Name", "What it does", "Rate", "After keeping"].map((text) => el("th", { scope: "col" }, text)))),
        el("tbody", {}, names.map((one) => row(one, settings.misbehave))),
      ),
    ),
  );
  byId("behaviour").replaceChildren(form);
}

const settingsText = (settings) =>
  el("span", { class: "soft" }, `seed ${settings.seed} · ${settings.step_seconds} s between stages · ${settings.dedupes ? "repeats make no second ticket" : "repeats make tickets"}`);

function row({ name, help, twice }, rates) {
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, name),
    el("td", {}, help),
    el("td", {}, rate(name, rates, "%")),
    el("td", {}, twice ? rate(`accept_then_${name}`, rates, "% kept") : ""),
  );
}

// A rate that was set with a value keeps it: "delay=3".
function rate(name, rates, placeholder) {
  const written = Object.keys(rates).find((one) => one === name || one.startsWith(`${name}=`)) ?? name;
  const percent = rates[written] ? String(Number((rates[written] * 100).toFixed(4))) : "";
  return el("input", { type: "number", name: written, value: percent, min: 0, max: 100, step: "any", placeholder, "aria-label": `${written}, percent` });
}

async function set(form) {
  const typed = [...form.querySelectorAll("input")].filter((input) => Number(input.value) > 0);
  const misbehave = Object.fromEntries(typed.map((input) => [input.name, Number(input.value) / 100]));
  await attempt(() => send("behaviour", { misbehave }), "Set.");
  showBehaviour();
}

async function behave() {
  await attempt(() => send("behaviour", { misbehave: {}, orders: {}, calls: {} }), "It behaves.");
  showBehaviour();
}
