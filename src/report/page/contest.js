// Optimizers side by side: the best score on validation over the rollouts that it took, and the table.

const contest = JSON.parse(document.getElementById("run").textContent);
const methods = contest.table.map((standing) => standing.optimizer);

const curvesView = (hidden) => {
  const [width, height, left, right, top, bottom] = [roomy(), 360, 46, 16, 14, 38];
  const runs = contest.runs.filter((run) => run.curve.length > 0);
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
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width: "100%", role: "img", "aria-label": `Best score on validation over rollouts, ${count(runs.length, "run")} of ${count(methods.length, "optimizer")}; the table above has the ends` },
    axes({ width, height, left, right, bottom, x, y, low, high, end, label: (value) => value.toLocaleString("en"), name: "rollouts" }),
    runs.map((run) => svg("path", {
      class: `curve curve${methods.indexOf(run.optimizer) % 10}`, d: path(run), visibility: hidden.has(run.optimizer) && "hidden",
    }, svg("title", null, `${run.optimizer}, seed ${run.seed}: ${score(run.best)}`))),
    // Where a run ends: the last rise of many is at their last rollout.
    runs.map((run) => svg("circle", { class: `curve curve${methods.indexOf(run.optimizer) % 10}`, fill: "none", r: 4, cx: x(run.rollouts ?? end), cy: y(run.curve[run.curve.length - 1][1]), visibility: hidden.has(run.optimizer) && "hidden" })));
};

const curvesSection = () => {
  const hidden = new Set();
  const box = h("div");
  const fill = () => refill(box, curvesView(hidden));
  const toggle = (method) => () => {
    if (!hidden.delete(method)) hidden.add(method);
    fill();
  };
  fill();
  return section("curves", "Score over rollouts",
    h("p", { class: "soft" }, "The best candidate so far on validation, one line a run. What an optimizer spends before it validates is on the axis as well."),
    h("div", { class: "row" }, methods.map((method, place) => h("label", null,
      h("input", { type: "checkbox", checked: true, onchange: toggle(method) }), svg("svg", { width: 26, height: 10, "aria-hidden": "true" }, svg("path", { class: `curve curve${place % 10}`, d: "M1 5H25" })), method))),
    box);
};

const estimate = (value, shown) => (value ? [shown(value.mean), value.interval && h("div", { class: "soft" }, `${shown(value.interval[0])} to ${shown(value.interval[1])}`)] : "–");

const resultSection = () => {
  const heads = ["optimizer", "runs", "validation", `less ${methods[0] ?? ""}`, "test", `less ${methods[0] ?? ""}`, "rollouts", "calls", "tokens", "minutes"];
  const whole = (value) => (value % 2 === 0.5 ? Math.floor(value) : Math.round(value)).toLocaleString("en");
  const line = (standing, place) => h("tr", null,
    h("th", { scope: "row" }, standing.optimizer), h("td", { class: "number" }, standing.seeds),
    h("td", { class: "number" }, estimate(standing.validation, score)), h("td", { class: "number" }, place === 0 ? "" : estimate(standing.validation_difference, signed)),
    h("td", { class: "number" }, estimate(standing.test, score)), h("td", { class: "number" }, place === 0 ? "" : estimate(standing.test_difference, signed)),
    [standing.rollouts, standing.calls, standing.tokens].map((value) => h("td", { class: "number" }, whole(value))),
    h("td", { class: "number" }, standing.minutes.toFixed(1)));
  const seed = contest.runs[0];
  const trials = contest.table.filter((standing) => standing.trials.length > 0);
  return section("result", "The optimizers on this task",
    h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Table of the optimizers" }, h("table", null,
      h("caption", null, "Means over the runs; 95% intervals over the examples. Differences are paired: on the same examples, less the first."),
      h("thead", null, h("tr", null, heads.map((head, place) => h("th", { scope: "col", class: place > 0 && "number" }, head)))),
      h("tbody", null, seed && h("tr", null, h("th", { scope: "row" }, "the seed"),
        ["", score(seed.seed_score), "", score(seed.test_seed_score), "", "", "", "", ""].map((value) => h("td", { class: "number" }, value))), contest.table.map(line)))),
    trials.map((standing) => h("p", { class: "note" }, `${standing.optimizer} improves single answers, not the prompt: ${standing.trials.map(score).join(", ")} after each trial. Its prompt is the seed.`)));
};

const runsSection = () => section("runs", "The runs",
  h("ul", null, contest.runs.map((run) => h("li", null,
    h("a", { href: `${encodeURIComponent(run.folder)}/report.html` }, `${run.optimizer}, seed ${run.seed}`), `: ${score(run.seed_score)} → ${score(run.best)} on validation in ${count(run.rollouts ?? 0, "rollout")}`))));

refill(document.getElementById("top"), h("h1", null, contest.name));
refill(document.getElementById("main"), resultSection(), curvesSection(), runsSection());
document.title = `${contest.name}: optimizers compared`;
document.documentElement.dataset.ready = "true";
