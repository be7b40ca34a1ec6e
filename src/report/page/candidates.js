// All candidates in a table, and one of them in full.

const isBest = (place) => place === run.outcome.best;

const origin = (candidate) => {
  if (candidate.parents.length === 0) return "seed";
  if (candidate.parents.length > 1) return `merged from ${candidate.parents.map((place) => `#${place}`).join(" and ")}`;
  const operators = [...new Set(candidate.operators.map(([, operator]) => operator))].join(", ");
  return `${operators || "changed"} of #${candidate.parents[0]}`;
};

const COLUMNS = [
  ["candidate", true, (place) => place, (place) => h("a", { href: `#candidate-${place}` }, `#${place}${isBest(place) ? " (best)" : ""}`)],
  ["validation", true, (place) => run.candidates[place].mean, (place) => {
    const bar = h("i");
    bar.style.width = `${run.candidates[place].mean * 100}%`;
    return [h("span", { class: "bar", "aria-hidden": "true" }, bar), score(run.candidates[place].mean)];
  }],
  ["examples", true, (place) => scoredOn(place), (place) => scoredOn(place)],
  ["best on", true, (place) => bestOn(place), (place) => bestOn(place)],
  ["alone best on", true, (place) => aloneOn(place), (place) => aloneOn(place)],
  ["from", false, (place) => run.candidates[place].parents[0] ?? -1, (place) => origin(run.candidates[place])],
  ["prompt tokens", true, (place) => run.candidates[place].prompt_tokens, (place) => run.candidates[place].prompt_tokens],
  ["at rollout", true, (place) => run.candidates[place].spent, (place) => run.candidates[place].spent],
  ["after", true, (place) => run.candidates[place].elapsed, (place) => duration(run.candidates[place].elapsed)],
];

const scoredOn = (place) => run.candidates[place].scores.filter((value) => value !== null).length;
const counts = (of) => once(() => {
  const numbers = run.candidates.map(() => 0);
  for (const { who } of winners()) if (of(who)) for (const place of who) numbers[place] += 1;
  return numbers;
});
const bestCounts = counts(() => true);
const aloneCounts = counts((who) => who.length === 1);
const bestOn = (place) => bestCounts()[place];
const aloneOn = (place) => aloneCounts()[place];

const candidatesTable = () => {
  let [by, up] = [0, true];
  const body = h("tbody");
  const heads = COLUMNS.map(([name, isNumber], column) => h("th", { scope: "col", class: isNumber && "number" },
    h("button", { type: "button", onclick: () => { [by, up] = [column, by === column ? !up : column === 0]; fill(); } }, name)));
  const fill = () => {
    const order = run.candidates.map((_, place) => place);
    order.sort((a, b) => ((COLUMNS[by][2](a) - COLUMNS[by][2](b)) || (a - b)) * (up ? 1 : -1));
    heads.forEach((head, column) => head.setAttribute("aria-sort", column !== by ? "none" : up ? "ascending" : "descending"));
    refill(body, order.map((place) => h("tr", { id: `row-${place}`, class: isBest(place) && "chosen" },
      COLUMNS.map(([, isNumber, , cell], column) => h(column === 0 ? "th" : "td", { scope: column === 0 && "row", class: isNumber && "number" }, cell(place))))));
  };
  fill();
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of candidates" },
    h("table", null,
      h("caption", null, "Click a heading to sort by it. “best on”: validation examples on which no other scores higher."),
      h("thead", null, h("tr", null, heads)), body));
};

/** One candidate: where it comes from, its prompt, and what changed from another. */
const candidatePanel = () => {
  const panel = h("div", { id: "candidate", class: "side", tabindex: "-1", role: "region", "aria-label": "The chosen candidate" });
  const show = (place, from) => {
    const candidate = run.candidates[place];
    const options = run.candidates.map((other, at) => [at, `#${at} (${score(other.mean)})`]).filter(([at]) => at !== place);
    const compared = from ?? candidate.parents[0] ?? place;
    const [label] = choice("compare with", options, compared, (value) => { show(place, Number(value)); panel.querySelector("select").focus(); });
    refill(panel,
      h("h3", null, `Candidate #${place}${isBest(place) ? ", the answer" : ""}`),
      h("p", null, `${score(candidate.mean)} on ${count(scoredOn(place), "validation example")}; ${origin(candidate)}`
        + `${candidate.ancestor === null ? "" : `, with #${candidate.ancestor} as their common ancestor`}; ${count(candidate.prompt_tokens, "prompt token")}; `
        + `joined after ${count(candidate.spent, "rollout")} and ${duration(candidate.elapsed)}.`),
      candidate.given_up && h("p", { class: "note" }, `${candidate.given_up}. It can be improved on, but is never the answer.`),
      Object.keys(candidate.objectives).length > 0 && h("p", { class: "small" },
        `By objective: ${Object.entries(candidate.objectives).map(([name, value]) => `${name} ${score(value)}`).join(", ")}.`),
      h("p", { class: "row small" },
        candidate.iteration > 0 && h("a", { href: `#iteration-${candidate.iteration}` }, `how it came about (iteration ${candidate.iteration})`),
        candidate.run !== null && h("a", { href: `#rollouts-${candidate.run}-1` }, "its rollouts")),
      options.length > 0 && place !== 0 && h("div", { class: "row" }, label),
      promptViews(place, compared, `#${compared}`));
    for (const node of document.querySelectorAll(".node")) {
      const isIt = node.dataset.place === String(place);
      node.setAttribute("aria-current", isIt);
      node.setAttribute("tabindex", isIt ? 0 : -1);
    }
  };
  return [panel, show];
};
