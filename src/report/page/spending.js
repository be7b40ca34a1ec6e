// Where the time went, and what was run.

const spendingSection = () => {
  const { parts, roles, search, tests } = run.spending;
  const whole = parts.reduce((sum, part) => sum + part.seconds, 0) || 1;
  const hue = (at) => `hue${at % 8}`;
  const stack = h("div", { class: "stack", "aria-hidden": "true" }, parts.map((part, at) => {
    const piece = h("i", { class: hue(at), title: `${part.name}: ${duration(part.seconds)}` });
    piece.style.width = `${(part.seconds / whole) * 100}%`;
    return piece;
  }));
  const number = (value) => h("td", { class: "number" }, value);
  const estimated = parts.some((part) => part.is_estimated);
  const table = h("table", null,
    h("caption", null, `${duration(search)} of search${tests > 0 ? `, ${duration(tests)} of test evaluations` : ""}`),
    h("thead", null, h("tr", null, ["spent on", "seconds", "share", "tokens"].map((name, at) => h("th", { scope: "col", class: at > 0 && "number" }, name)))),
    h("tbody", null, parts.map((part, at) => h("tr", null,
      h("th", { scope: "row" }, h("span", { class: `swatch ${hue(at)}`, "aria-hidden": "true" }), part.name),
      number(`${part.is_estimated ? "about " : ""}${part.seconds.toFixed(1)}`), number(`${((part.seconds / whole) * 100).toFixed(0)} %`),
      number(part.tokens === null ? "" : part.tokens.toLocaleString("en"))))));
  const tokens = h("table", null,
    h("caption", null, "Tokens. Reused: prompt tokens that another request had computed. Each wave alone: what would be computed if a wave computed once what its own prompts share; fewer are computed where an earlier wave has left some."),
    h("thead", null, h("tr", null, ["", "prompt tokens computed", "each wave alone", "reused", "written"].map((name, at) => h("th", { scope: "col", class: at > 0 && "number" }, name)))),
    h("tbody", null, Object.entries(roles).map(([name, role]) => h("tr", null, h("th", { scope: "row" }, name),
      [role.prefilled, role.unique, role.reused, role.decoded].map((value) => number(value.toLocaleString("en")))))));
  return section("time", "Where the time went", stack, h("div", { class: "wide" }, table),
    estimated && h("p", { class: "soft small" }, "The engine reads prompts and writes answers in the same batches. How its seconds divide is an estimate: the price of a token of each, fitted to the run's records."),
    h("h3", null, "Tokens"), h("div", { class: "wide" }, tokens));
};

const planSection = () => section("plan", "What was run",
  h("details", null, h("summary", null, "Everything that the answers depend on"),
    h("div", { class: "wide" }, h("table", null, h("caption", null, "The run's fingerprint: plan, data, models, build. A run goes on only under the same."),
      h("thead", null, h("tr", null, h("th", { scope: "col" }, "what"), h("th", { scope: "col" }, "value"))),
      h("tbody", null, Object.entries(run.fingerprint).map(([name, value]) => h("tr", null, h("th", { scope: "row" }, name), h("td", null, value))))))));
