// The staff's pages: switches, copy buttons, forms that show that they are at work, and live progress.
"use strict";

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.switch) openSwitch(button);
  if ("close" in button.dataset) button.closest("dialog").close();
  if (button.dataset.copy !== undefined) copy(button);
});

document.addEventListener("change", (event) => {
  if ("submitOnChange" in event.target.dataset) event.target.form.requestSubmit();
  if (event.target.type === "datetime-local") event.target.closest("label").querySelector("[type=radio]").checked = true;
});

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || !button.dataset.busy) return;
  button.setAttribute("aria-busy", "true");
  button.dataset.was = button.textContent;
  button.textContent = button.dataset.busy;
  // After the browser has gathered the form, or the button's own name would be missing in it.
  setTimeout(() => { button.disabled = true; }, 0);
});

// Coming back by the browser's own button: nothing is at work any more.
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[aria-busy]")) {
    button.disabled = false;
    button.removeAttribute("aria-busy");
    button.textContent = button.dataset.was;
  }
});

function openSwitch(button) {
  const dialog = document.getElementById("dg-switch");
  const form = dialog.querySelector("form");
  const on = button.dataset.to ? button.dataset.to === "on" : button.getAttribute("aria-checked") === "false";
  form.elements.kind.value = button.dataset.switch;
  form.elements.id.value = button.dataset.id;
  form.elements.to.value = on ? "on" : "off";
  dialog.querySelector("h3").textContent = `Switch ${on ? "on" : "off"}: ${button.dataset.name}`;
  dialog.querySelector("[data-verb]").textContent = on ? "Switch on" : "Switch off";
  dialog.showModal();
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const text = source.value ?? source.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS there is no clipboard: select it, and let the browser copy the selection.
    const range = document.createRange();
    range.selectNodeContents(source);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    document.execCommand("copy");
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

// --- live progress: asks a small address each second until it is over, then shows the page anew ---

const progress = document.getElementById("dg-progress");
if (progress && progress.dataset.url) watch(progress);

async function watch(box) {
  const said = box.querySelector("[data-step]");
  for (;;) {
    await new Promise((wake) => setTimeout(wake, 800));
    let state;
    try {
      const answer = await fetch(box.dataset.url, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      state = await answer.json();
    } catch {
      said.textContent = "No answer just now; asking again.";
      continue;
    }
    if (!state.open) {
      location.replace(box.dataset.then || location.href);
      return;
    }
    said.textContent = state.step;
    box.querySelector("[data-seconds]").textContent = `${state.seconds} s`;
    box.querySelector("progress").value = state.part;
  }
}
