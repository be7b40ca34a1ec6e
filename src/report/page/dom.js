// Makes elements. A text becomes a text node, never markup, because it can come from a model or from the user's data.

/** Returns a text with invisible characters made visible: control characters, and marks that change the direction of text or
 * have no width. */
const visible = (text) => String(text)
  .replace(/[\u0000-\u0008\u000b-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
  .replace(/[\u007f-\u009f]/g, "\ufffd")
  .replace(/[\u2028\u2029]/g, "\n")
  .replace(/[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g, (c) => `⟨U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);

/** Adds attributes, listeners (`on…`) and children to an element and returns it. Missing children are skipped. */
const filled = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    const isState = name.startsWith("aria-") && typeof value === "boolean";
    if (value === null || value === undefined || (value === false && !isState)) continue;
    if (isState) element.setAttribute(name, String(value));
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(visible(child)));
  }
  return element;
};

const h = (name, attributes, ...children) => filled(document.createElement(name), attributes, children);
const svg = (name, attributes, ...children) =>
  filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

/** Replaces the children of an element and returns it. */
const refill = (element, ...children) => {
  element.replaceChildren();
  return filled(element, null, children);
};

/** Returns a number with three decimal places. Like the terminal's output, it rounds a tie to an even digit. */
const threePlaces = (value) => (Number.isInteger(value * 16) && Math.floor(value * 1000) % 2 === 0 ? Math.floor(value * 1000) / 1000 : value).toFixed(3);
const score = (value) => (value === null || value === undefined ? "–" : threePlaces(value));
const signed = (value) => (value < 0 ? "−" : "+") + threePlaces(Math.abs(value));
const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
const duration = (seconds) => {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor(whole / 60) % 60).padStart(2, "0")} min`;
};

/** Returns a labelled drop-down list. `options` are pairs of a value and its text; `onChange` is called with the new value. */
const choice = (label, options, value, onChange) => {
  const select = h("select", { onchange: () => onChange(select.value) },
    options.map(([option, text]) => h("option", { value: option, selected: String(option) === String(value) }, text)));
  return h("label", null, label, select);
};

/** Returns a section of the page, with a heading that links can point to. */
const section = (id, title, ...children) =>
  h("section", { id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title), ...children);

/** Returns the colour of a score: a mix of two colours of the style sheet for a share from 0 to 1. */
const shade = (() => {
  let ends = null;
  const read = (name) => {
    const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { ends = null; });
  return (share) => {
    ends ??= [read("--scale-low"), read("--scale-high")];
    const bounded = Math.min(1, Math.max(0, share));
    return `rgb(${ends[0].map((low, part) => Math.round(low + (ends[1][part] - low) * bounded)).join(" ")})`;
  };
})();
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Calls `draw` now, and again whenever the colours of the page change. */
const drawWithColours = (draw) => {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTimeout(draw));
  draw();
};
