// One dialog for all that has to be typed.

import { byId, el } from "./dom.js";

// `fields`: {name, label, type, value, options, required}. Resolves to the values, or null when it was left.
export function ask(title, fields, action, danger = false) {
  const dialog = byId("question");
  const form = dialog.querySelector("form");
  const inputs = fields.map(input);
  form.replaceChildren(
    el("h2", {}, title),
    ...inputs.map(({ field, element }) => label(field, element)),
    el(
      "p",
      { class: "actions" },
      el("button", { value: "", formnovalidate: true }, "Back"),
      el("button", { value: "yes", class: danger ? "danger" : "main" }, action),
    ),
  );
  dialog.returnValue = "";
  dialog.showModal();
  (inputs[0]?.element ?? form.querySelector("button.main, button.danger")).focus();
  return new Promise((resolve) => {
    dialog.onclose = () => {
      if (dialog.returnValue !== "yes") return resolve(null);
      resolve(Object.fromEntries(inputs.map(({ field, element }) => [field.name, valueOf(field, element)])));
    };
  });
}

// Enter submits with the first button, which is "Back"; here it means the action.
byId("question").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
  event.preventDefault();
  const form = event.target.form;
  form.requestSubmit(form.querySelector("button[value=yes]"));
});

function input(field) {
  const { name, type = "text", value = "", required = false, suggestions = [] } = field;
  if (type === "choice") {
    const element = el("select", { name }, field.options.map(([key, text]) => el("option", { value: key }, text)));
    return { field, element };
  }
  const list = suggestions.length ? `list-${name}` : null;
  const element = el("input", { name, type, required, list, maxlength: 200, autocomplete: "off" });
  if (type === "checkbox") element.checked = value;
  else element.value = value;
  if (type === "number") Object.assign(element, { min: 0, max: 999, step: 1 });
  return { field: { ...field, list }, element };
}

function label(field, element) {
  const suggestions = field.list && el("datalist", { id: field.list }, field.suggestions.map((one) => el("option", { value: one })));
  if (field.type === "checkbox") return el("label", { class: "check" }, element, field.label);
  return el("label", {}, field.label, element, suggestions);
}

function valueOf(field, element) {
  if (field.type === "checkbox") return element.checked;
  if (field.type === "number") return Number(element.value);
  return element.value.trim();
}
