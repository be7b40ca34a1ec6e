// The page of a comparison of optimizers: a table, the best score on validation over rollouts, and links to the runs.

const comparison = JSON.parse(document.getElementById("run").textContent);
const optimizers = comparison.table.map((standing) => standing.optimizer);

/** Returns the chart of the curves. Those of the optimizers in the set `hidden` are not visible. */
const curvesView = (hidden) => {
  const [width, height, left, right, top, bottom] = [chartWidth(), 360, 46, 16, 14, 38];
  const runs = comparison.runs.filter((run) => run.curve.length > 0);
  const end = Math.max(1, ...runs.map((run) => run.rollouts ?? 0));
  const means = runs.flatMap((run) => run.curve.map(([, mean]) => mean));
  const low = Math.max(0, Math.floor((Math.min(1, ...means) - 0.02) * 10) / 10);
  const high = Math.max(low + 0.1, Math.min(1, Math.ceil((Math.max(0, ...means) + 0.02) * 10) / 10));
  const x = (value) => left + (Math.min(value, end) / end) * (width - left - right);
  const y = (value) => height - bottom - ((value - low) / (high - low)) * (height - top - bottom);
  const path = ({ curve, rollouts }) => {
    const [[start, mean], ...rises] = curve;
    return `M${x(start)} ${y(mean)}${rises.map(([at, rise]) => `H${x(at)}V${y(rise)}`).join("")}H${x(rollouts ?? end)}`;
  };
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width: "100%", role: "img", "aria-label": `Best score on validation over rollouts, ${count(runs.length, "run")} of ${count(optimizers.length, "optimizer")}; the table above has the final scores` },
    axes({ width, height, left, right, bottom, x, y, low, high, end, label: (value) => value.toLocaleString("en"), name: "rollouts" }),
    runs.map((run) => svg("path", {
      class: `curve curve${optimizers.indexOf(run.optimizer) % 10}`, d: path(run), visibility: hidden.has(run.optimizer) && "hidden",
    }, svg("title", null, `${run.optimizer}, seed ${run.seed}: ${score(run.best)}`))),
    // A circle marks the end of a run. Without it, a last rise at the last rollout would be hard to see.
    runs.map((run) => svg("circle", { class: `curve curve${optimizers.indexOf(run.optimizer) % 10}`, fill: "none", r: 4, cx: x(run.rollouts ?? end), cy: y(run.curve[run.curve.length - 1][1]), visibility: hidden.has(run.optimizer) && "hidden" })));
};

const curvesSection = () => {
  const hidden = new Set();
  const box = h("div");
  const fill = () => refill(box, curvesView(hidden));
  const toggle = (optimizer) => () => {
    if (!hidden.delete(optimizer)) hidden.add(optimizer);
    fill();
  };
  fill();
  return section("curves", "Score over rollouts",
    h("p", { class: "soft" }, "The best score so far on validation, one line for each run. The axis counts all rollouts of a search, also those before the first validation."),
    h("div", { class: "row" }, optimizers.map((optimizer, index) => h("label", null,
      h("input", { type: "checkbox", checked: true, onchange: toggle(optimizer) }), svg("svg", { width: 26, height: 10, "aria-hidden": "true" }, svg("path", { class: `curve curve${index % 10}`, d: "M1 5H25" })), optimizer))),
    box);
};

const estimate = (value, shown) => (value ? [shown(value.mean), value.interval && h("div", { class: "soft" }, `${shown(value.interval[0])} to ${shown(value.interval[1])}`)] : "–");

const resultSection = () => {
  const difference = `less ${optimizers[0] ?? ""}`;
  const heads = ["optimizer", "runs", "validation", difference, "test", difference, "rollouts", "calls", "tokens", "minutes"];
  const whole = (value) => (value % 2 === 0.5 ? Math.floor(value) : Math.round(value)).toLocaleString("en");
  const line = (standing) => h("tr", null,
    h("th", { scope: "row" }, standing.optimizer), h("td", { class: "number" }, standing.seeds),
    h("td", { class: "number" }, estimate(standing.validation, score)), h("td", { class: "number" }, standing.optimizer === optimizers[0] ? "" : estimate(standing.validation_difference, signed)),
    h("td", { class: "number" }, estimate(standing.test, score)), h("td", { class: "number" }, standing.optimizer === optimizers[0] ? "" : estimate(standing.test_difference, signed)),
    [standing.rollouts, standing.calls, standing.tokens].map((value) => h("td", { class: "number" }, whole(value))),
    h("td", { class: "number" }, standing.minutes.toFixed(1)));
  const first = comparison.runs[0];
  const withTrials = comparison.table.filter((standing) => standing.trials.length > 0);
  return section("result", "The optimizers on this task",
    h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Table of the optimizers" }, h("table", null,
      h("caption", null, "Means over the runs, with 95% intervals over the examples and, if there are several, the runs. Differences from the first optimizer are paired: on the same examples."),
      h("thead", null, h("tr", null, heads.map((head, index) => h("th", { scope: "col", class: index > 0 && "number" }, head)))),
      h("tbody", null, first && h("tr", null, h("th", { scope: "row" }, "the seed"),
        ["", score(first.seed_score), "", score(first.test_seed_score), "", "", "", "", ""].map((value) => h("td", { class: "number" }, value))), comparison.table.filter((standing) => standing.trials.length === 0).map(line)))),
    withTrials.map((standing) => h("p", { class: "note" }, `${standing.optimizer} is not ranked, since it improves single answers, not the prompt: ${standing.trials.map(score).join(", ")} after each trial.`)));
};

const runsSection = () => section("runs", "The runs",
  h("ul", null, comparison.runs.map((run) => h("li", null,
    h("a", { href: `${encodeURIComponent(run.folder)}/report.html` }, `${run.optimizer}, seed ${run.seed}`), `: ${score(run.seed_score)} → ${score(run.best)} on validation in ${count(run.rollouts ?? 0, "rollout")}`))));

refill(document.getElementById("top"), h("h1", null, comparison.name));
refill(document.getElementById("main"), resultSection(), curvesSection(), runsSection());
document.title = `${comparison.name}: comparison of optimizers`;
document.documentElement.dataset.ready = "true";
