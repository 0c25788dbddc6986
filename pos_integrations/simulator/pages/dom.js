// Making elements. Text is always a text node: whatever stands in an order stays text.

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child));
  return element;
}

export const byId = (id) => document.getElementById(id);

export function button(label, onclick, kind = "") {
  return el("button", { type: "button", class: kind, onclick }, label);
}

// A switch that shows the state it was made with; `change` is told the wanted one.
export function toggle(label, on, change, hint = "") {
  return el(
    "button",
    { type: "button", role: "switch", "aria-checked": String(on), class: "toggle", title: hint, onclick: () => change(!on) },
    el("i"),
    label,
  );
}

// Keeps the children of `parent` equal to `rows`, and leaves alone those whose content did not change.
export function keep(parent, rows, keyOf, build) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const after = rows.map((row) => {
    const key = String(keyOf(row));
    const content = JSON.stringify(row);
    const old = before.get(key);
    if (old && old.dataset.content === content) return old;
    const made = build(row);
    made.dataset.key = key;
    made.dataset.content = content;
    return made;
  });
  const same = after.length === parent.children.length && after.every((child, n) => child === parent.children[n]);
  if (!same) parent.replaceChildren(...after);
}

const STEPS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

export function age(at) {
  const seconds = Math.max(1, Math.round((Date.now() - Date.parse(at)) / 1000));
  const [size, unit] = STEPS.find(([size]) => seconds >= size);
  return `${Math.floor(seconds / size)} ${unit}`;
}

export function showAges() {
  for (const one of document.querySelectorAll("time[datetime]")) one.textContent = age(one.dateTime);
}
