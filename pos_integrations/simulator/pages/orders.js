// Orders: a card each, with the buttons that make sense now.

import { attempt, say, send } from "./api.js";
import { age, button, byId, el, keep } from "./dom.js";
import { ask } from "./question.js";

const STAGES = {
  null: "New",
  CONFIRMED: "Accepted",
  PREPARING: "Cooking",
  READY: "Food ready",
  DISPATCHED: "Dispatched",
  DELIVERED: "Delivered",
  CANCELLED: "Cancelled",
  REJECTED: "Rejected",
};
const TYPES = { H: "Delivery", P: "Pick-up", D: "Dine-in" };
const REASONS = ["Item not available", "Restaurant is too busy", "Kitchen is closed", "Cannot be reached"];
const LIVE = new Set(["null", "CONFIRMED", "PREPARING", "READY", "DISPATCHED"]);

const reason = { name: "reason", label: "Reason", value: REASONS[0], required: true, suggestions: REASONS };

const ACTS = {
  accept: {
    label: "Accept",
    kind: "main",
    fields: (order) => [
      { name: "prep_minutes", label: "Ready in, minutes", type: "number", value: order.prep_minutes, required: true },
      { name: "delivery_minutes", label: "Delivered in, minutes (may be empty)" },
      { name: "modified", label: "Changed by the restaurant", type: "checkbox" },
    ],
  },
  reject: { label: "Reject", kind: "danger", fields: () => [reason] },
  ready: { label: "Food ready", kind: "main" },
  dispatch: {
    label: "Dispatch",
    kind: "main",
    fields: () => [
      { name: "rider_name", label: "Rider's name", value: "Test Rider" },
      { name: "rider_phone", label: "Rider's phone", type: "tel", value: "9000000003" },
    ],
  },
  deliver: { label: "Delivered", kind: "main" },
  cancel: { label: "Cancel", kind: "danger", fields: () => [reason] },
};

async function act(order, name, refresh) {
  const { label, kind, fields } = ACTS[name];
  const typed = fields ? await ask(`${label}: ${order.reference}`, fields(order), label, kind === "danger") : {};
  if (!typed) return;
  const answer = await attempt(() => send(`tickets/${order.number}/${name}`, typed));
  if (answer && !answer.told) say("Done. Nobody was told: the order names no address.");
  refresh();
}

export function showOrders({ orders, not_shown: notShown }, names, refresh) {
  const isLive = (order) => !order.cancelled && LIVE.has(String(order.stage));
  const live = orders.filter(isLive);
  const over = orders.filter((order) => !isLive(order));
  const build = (order) => card(order, names, refresh);
  keep(byId("live"), live, (order) => order.number, build);
  keep(byId("over"), over, (order) => order.number, build);
  byId("quiet").hidden = orders.length > 0;
  byId("over-title").hidden = over.length === 0;
  if (notShown) say(`${notShown} older orders are not shown.`);
}

function card(order, names, refresh) {
  const stage = order.cancelled ? "CANCELLED" : String(order.stage);
  const isNew = stage === "null";
  return el(
    "article",
    { class: `card ${isNew ? "new" : ""}`, "data-stage": stage, "aria-label": `Order ${order.reference}` },
    el(
      "header",
      {},
      el("h3", {}, order.reference),
      el("span", { class: `stage ${stage.toLowerCase()}` }, order.cancelled ? "Cancelled by client" : STAGES[stage]),
      el("time", { datetime: order.at, title: order.at }, age(order.at)),
    ),
    el("p", { class: "soft" }, facts(order, names).join(" · ")),
    guest(order.customer),
    el("ul", { class: "lines" }, order.lines.map(line)),
    order.description && el("p", { class: "note" }, order.description),
    order.remark && el("p", { class: "remark" }, order.remark),
    totals(order),
    order.reason && el("p", { class: "soft" }, `Reason: ${order.reason}`),
    order.rider.status && el("p", { class: "soft" }, `Rider: ${[order.rider.status, order.rider.name, order.rider.phone].filter(Boolean).join(", ")}`),
    callback(order.callback),
    order.acts.length > 0 &&
      el("p", { class: "actions" }, order.acts.map((name) => button(ACTS[name].label, () => act(order, name, refresh), ACTS[name].kind))),
  );
}

function facts(order, names) {
  return [
    names.get(order.restID),
    TYPES[order.order_type] ?? order.order_type,
    order.order_type === "H" && (order.own_delivery ? "own rider" : "their rider"),
    order.table_no && `table ${order.table_no}`,
    order.advanced_order === "Y" && `for ${order.preorder_date} ${order.preorder_time}`,
    order.otp && `code ${order.otp}`,
    order.times_seen > 1 && `sent ${order.times_seen} times`,
  ].filter(Boolean);
}

function guest({ name, phone, address }) {
  return el("p", { class: "guest" }, el("b", {}, name || "No name"), phone && ` ${phone}`, address && el("span", {}, address));
}

function line({ quantity, name, variation, final_price: price, note, addons }) {
  const shown = variation && !name.includes(variation) ? `${name} (${variation})` : name;
  return el(
    "li",
    {},
    el("b", {}, `${quantity} ×`),
    el(
      "span",
      {},
      shown,
      addons.map((addon) => el("small", {}, `+ ${addon.quantity && addon.quantity !== "1" ? `${addon.quantity} × ` : ""}${addon.name}`)),
      note && el("small", { class: "note" }, note),
    ),
    el("span", { class: "amount" }, price),
  );
}

function totals(order) {
  const rows = [
    [Number(order.discount_total) ? `Lines, ${order.discount_total} off` : "Lines", order.lines_total],
    ["Packing", order.packing_charges],
    ["Delivery", order.delivery_charges],
    ["Service", order.service_charge],
    ["Tax", order.tax_total],
    ["Collect in cash", order.collect_cash],
  ].filter(([, value]) => Number(value));
  return el(
    "dl",
    { class: "totals" },
    rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
    el("div", { class: "sum" }, el("dt", {}, `Total as sent, ${order.payment_type || "no payment type"}`), el("dd", {}, order.total)),
  );
}

function callback({ status, attempt: count, result, http_status: http, error }) {
  if (!result) return null;
  const tries = count > 1 ? `, try ${count}` : "";
  const good = result === "acknowledged";
  return el("p", { class: good ? "soft" : "remark" }, `Callback ${status}: ${result} ${http ?? error}${tries}`);
}
