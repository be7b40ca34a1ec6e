// Where the time of the run went, its servers and its memory, and the fingerprint.

const GIGABYTE = 1e9;

/** Returns a table of what each server answered; null for a run without servers. */
const serversView = () => {
  if (run.servers.length === 0) return null;
  const number = (value) => h("td", { class: "number" }, value);
  const heads = ["server", "answers", "prompt tokens computed", "reused", "generated", "seconds"];
  const row = (one) => h("tr", null, h("th", { scope: "row" }, one.server),
    [one.answers, one.prefill_tokens, one.reused_tokens, one.decode_tokens].map((value) => number(value.toLocaleString("en"))), number(one.seconds.toFixed(1)));
  return [h("h3", null, "Servers"), h("div", { class: "wide" }, h("table", null,
    h("caption", null, "Seconds: the time of all answers together. A server may work on several at the same time."),
    h("thead", null, h("tr", null, heads.map((name, index) => h("th", { scope: "col", class: index > 0 && "number" }, name)))),
    h("tbody", null, run.servers.map(row))))];
};

/** Returns a sentence about the memory of the run; null where nothing is known about it. */
const memoryView = () => {
  if (run.memory === null) return null;
  const gigabytes = (bytes) => `${(bytes / GIGABYTE).toFixed(2)} GB`;
  const { planned, peak } = run.memory;
  const measured = peak === null ? "this system does not tell how much the process had" : `the process had ${gigabytes(peak)} at most`;
  return [h("h3", null, "Memory"), h("p", null, `The plan gave the models ${gigabytes(planned)}; ${measured}.`)];
};

const spendingSection = () => {
  const { parts, roles, search, tests } = run.spending;
  const whole = parts.reduce((sum, part) => sum + part.seconds, 0) || 1;
  const hue = (index) => `hue${index % 8}`;
  const stack = h("div", { class: "stack", "aria-hidden": "true" }, parts.map((part, index) => {
    const piece = h("i", { class: hue(index), title: `${part.name}: ${duration(part.seconds)}` });
    piece.style.width = `${(part.seconds / whole) * 100}%`;
    return piece;
  }));
  const number = (value) => h("td", { class: "number" }, value);
  const hasEstimates = parts.some((part) => part.is_estimated);
  const table = h("table", null,
    h("caption", null, `${duration(search)} of search${tests > 0 ? `, ${duration(tests)} of test evaluations` : ""}`),
    h("thead", null, h("tr", null, ["kind of work", "seconds", "share", "tokens"].map((name, index) => h("th", { scope: "col", class: index > 0 && "number" }, name)))),
    h("tbody", null, parts.map((part, index) => h("tr", null,
      h("th", { scope: "row" }, h("span", { class: `swatch ${hue(index)}`, "aria-hidden": "true" }), part.name),
      number(`${part.is_estimated ? "about " : ""}${part.seconds.toFixed(1)}`), number(`${((part.seconds / whole) * 100).toFixed(0)} %`),
      number(part.tokens === null ? "" : part.tokens.toLocaleString("en"))))));
  const tokens = h("table", null,
    h("caption", null, "Reused: prompt tokens that were already computed for another request. Unique in each wave: prompt tokens that would be computed if every wave computed a shared beginning of its own prompts once. Fewer are computed if an earlier wave left some in the cache."),
    h("thead", null, h("tr", null, ["", "prompt tokens computed", "unique in each wave", "reused", "generated"].map((name, index) => h("th", { scope: "col", class: index > 0 && "number" }, name)))),
    h("tbody", null, Object.entries(roles).map(([name, role]) => h("tr", null, h("th", { scope: "row" }, name),
      [role.prefilled, role.unique, role.reused, role.decoded].map((value) => number(value.toLocaleString("en")))))));
  return section("time", "Where the time went", stack, h("div", { class: "wide" }, table),
    hasEstimates && h("p", { class: "soft small" }, "The engine computes prompts and generates answers in the same batches, so its seconds cannot be measured apart. The division is an estimate: the seconds for a token of each kind are fitted to the run's records."),
    h("h3", null, "Tokens"), h("div", { class: "wide" }, tokens), serversView(), memoryView());
};

const planSection = () => section("plan", "Fingerprint",
  h("details", null, h("summary", null, "Everything that the answers of the run depend on"),
    h("div", { class: "wide" }, h("table", null, h("caption", null, "Plan, data, models and build. A run can be resumed only with the same fingerprint."),
      h("thead", null, h("tr", null, h("th", { scope: "col" }, "name"), h("th", { scope: "col" }, "value"))),
      h("tbody", null, Object.entries(run.fingerprint).map(([name, value]) => h("tr", null, h("th", { scope: "row" }, name), h("td", null, value))))))));
