// The table of all candidates, and one candidate in full.

const isBest = (poolIndex) => poolIndex === run.outcome.best;

const origin = (candidate) => {
  if (candidate.parents.length === 0) return "seed";
  if (candidate.parents.length > 1) return `merged from ${candidate.parents.map((parent) => `#${parent}`).join(" and ")}`;
  const operators = [...new Set(candidate.operators.map(([, operator]) => operator))].join(", ");
  return `${operators || "changed"} of #${candidate.parents[0]}`;
};

/** The columns: heading, whether it has numbers, the value to sort by, and the content of a cell. */
const COLUMNS = [
  ["candidate", true, (poolIndex) => poolIndex, (poolIndex) => h("a", { href: `#candidate-${poolIndex}` }, `#${poolIndex}${isBest(poolIndex) ? " (best)" : ""}`)],
  ["validation", true, (poolIndex) => run.candidates[poolIndex].mean, (poolIndex) => {
    const bar = h("i");
    bar.style.width = `${run.candidates[poolIndex].mean * 100}%`;
    return [h("span", { class: "bar", "aria-hidden": "true" }, bar), score(run.candidates[poolIndex].mean)];
  }],
  ["examples", true, (poolIndex) => scoredOn(poolIndex), (poolIndex) => scoredOn(poolIndex)],
  ["best on", true, (poolIndex) => bestOn(poolIndex), (poolIndex) => bestOn(poolIndex)],
  ["only best on", true, (poolIndex) => aloneOn(poolIndex), (poolIndex) => aloneOn(poolIndex)],
  ["origin", false, (poolIndex) => run.candidates[poolIndex].parents[0] ?? -1, (poolIndex) => origin(run.candidates[poolIndex])],
  ["prompt tokens", true, (poolIndex) => run.candidates[poolIndex].prompt_tokens, (poolIndex) => run.candidates[poolIndex].prompt_tokens],
  ["at rollout", true, (poolIndex) => run.candidates[poolIndex].spent, (poolIndex) => run.candidates[poolIndex].spent],
  ["after", true, (poolIndex) => run.candidates[poolIndex].elapsed, (poolIndex) => duration(run.candidates[poolIndex].elapsed)],
];

const scoredOn = (poolIndex) => run.candidates[poolIndex].scores.filter((value) => value !== null).length;
/** Returns for each candidate on how many examples it is among the best, counting only examples that fit `isCounted`. */
const winCounts = (isCounted) => once(() => {
  const numbers = run.candidates.map(() => 0);
  for (const { who } of winners()) if (isCounted(who)) for (const poolIndex of who) numbers[poolIndex] += 1;
  return numbers;
});
const bestCounts = winCounts(() => true);
const aloneCounts = winCounts((who) => who.length === 1);
const bestOn = (poolIndex) => bestCounts()[poolIndex];
const aloneOn = (poolIndex) => aloneCounts()[poolIndex];

const candidatesTable = () => {
  let [sortColumn, isAscending] = [0, true];
  const body = h("tbody");
  const heads = COLUMNS.map(([name, isNumber], column) => h("th", { scope: "col", class: isNumber && "number" },
    h("button", { type: "button", onclick: () => { [sortColumn, isAscending] = [column, sortColumn === column ? !isAscending : column === 0]; fill(); } }, name)));
  const fill = () => {
    const order = run.candidates.map((_, poolIndex) => poolIndex);
    const sortValue = COLUMNS[sortColumn][2];
    order.sort((a, b) => ((sortValue(a) - sortValue(b)) || (a - b)) * (isAscending ? 1 : -1));
    heads.forEach((head, column) => head.setAttribute("aria-sort", column !== sortColumn ? "none" : isAscending ? "ascending" : "descending"));
    refill(body, order.map((poolIndex) => h("tr", { id: `row-${poolIndex}`, class: isBest(poolIndex) && "chosen" },
      COLUMNS.map(([, isNumber, , cell], column) => h(column === 0 ? "th" : "td", { scope: column === 0 && "row", class: isNumber && "number" }, cell(poolIndex))))));
  };
  fill();
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of candidates" },
    h("table", null,
      h("caption", null, "Click a heading to sort by it. “best on”: validation examples on which no other candidate scores higher."),
      h("thead", null, h("tr", null, heads)), body));
};

/** Returns a panel for one candidate, and the function that shows a candidate in it: its origin, its prompt, and the changes from
 * another candidate. */
const candidatePanel = () => {
  const panel = h("div", { id: "candidate", class: "side", tabindex: "-1", role: "region", "aria-label": "The chosen candidate" });
  const show = (poolIndex, chosenForComparison) => {
    const candidate = run.candidates[poolIndex];
    const options = run.candidates.map((other, index) => [index, `#${index} (${score(other.mean)})`]).filter(([index]) => index !== poolIndex);
    const compared = chosenForComparison ?? candidate.parents[0] ?? poolIndex;
    const comparison = choice("compare with", options, compared, (value) => { show(poolIndex, Number(value)); panel.querySelector("select").focus(); });
    refill(panel,
      h("h3", null, `Candidate #${poolIndex}${isBest(poolIndex) ? ", the best" : ""}`),
      h("p", null, `${score(candidate.mean)} on ${count(scoredOn(poolIndex), "validation example")}; ${origin(candidate)}`
        + `${candidate.ancestor === null ? "" : `, with #${candidate.ancestor} as the common ancestor`}; ${count(candidate.prompt_tokens, "prompt token")}; `
        + `joined after ${count(candidate.spent, "rollout")} and ${duration(candidate.elapsed)}.`),
      candidate.given_up && h("p", { class: "note" }, `${candidate.given_up}. It can be a parent, but cannot be selected as the best.`),
      Object.keys(candidate.objectives).length > 0 && h("p", { class: "small" },
        `By objective: ${Object.entries(candidate.objectives).map(([name, value]) => `${name} ${score(value)}`).join(", ")}.`),
      h("p", { class: "row small" },
        candidate.iteration > 0 && h("a", { href: `#iteration-${candidate.iteration}` }, `how it was made (iteration ${candidate.iteration})`),
        candidate.run !== null && h("a", { href: `#rollouts-${candidate.run}-1` }, "its rollouts")),
      options.length > 0 && poolIndex !== 0 && h("div", { class: "row" }, comparison),
      promptViews(poolIndex, compared, `#${compared}`));
    for (const node of document.querySelectorAll(".node")) {
      const isShown = node.dataset.candidate === String(poolIndex);
      node.setAttribute("aria-current", isShown);
      node.setAttribute("tabindex", isShown ? 0 : -1);
    }
  };
  return [panel, show];
};
