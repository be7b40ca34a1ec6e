// The chart of the best score over rollouts or over time.

/** Returns the chart. `by` names the horizontal axis: `spent` for rollouts, `elapsed` for seconds. */
const chartView = (by) => {
  const [width, height, left, right, top, bottom] = [chartWidth(), 300, 46, 16, 14, 38];
  const points = run.candidates.map((candidate, poolIndex) => ({ poolIndex, at: candidate[by], mean: candidate.mean, complete: candidate.complete }));
  const end = Math.max(by === "spent" ? run.rollouts : run.spending.search, ...points.map((point) => point.at)) || 1;
  const means = points.map((point) => point.mean);
  const low = Math.max(0, Math.floor((Math.min(...means) - 0.05) * 10) / 10);
  const high = Math.min(1, Math.ceil((Math.max(...means) + 0.02) * 10) / 10);
  const x = (value) => left + (value / end) * (width - left - right);
  const y = (value) => height - bottom - ((value - low) / Math.max(0.1, high - low)) * (height - top - bottom);
  let best = null;
  let path = "";
  const rises = new Set();
  for (const point of points) {
    if (!point.complete || (best !== null && point.mean <= best)) continue;
    path += best === null ? `M${x(point.at)} ${y(point.mean)}` : `H${x(point.at)}V${y(point.mean)}`;
    best = point.mean;
    rises.add(point.poolIndex);
  }
  if (best !== null) path += `H${x(end)}`;
  const label = (value) => (by === "spent" ? value.toLocaleString("en") : duration(value));
  const words = `Best score on validation over ${by === "spent" ? "rollouts" : "time"}: from ${score(means[0])} to ${score(best)} in ${by === "spent" ? count(end, "rollout") : duration(end)}`;
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width: "100%", role: "img", "aria-label": words },
    axes({ width, height, left, right, bottom, x, y, low, high, end, label, name: by === "spent" ? "rollouts" : "time of the search" }),
    svg("path", { class: "line", d: path }),
    points.map((point) => svg("circle", { class: rises.has(point.poolIndex) ? "dot new" : "dot", cx: x(point.at), cy: y(point.mean), r: rises.has(point.poolIndex) ? 5 : 3.5 },
      svg("title", null, `#${point.poolIndex}: ${score(point.mean)}`))));
};

const progressSection = () => {
  if (run.candidates.length === 0) return section("progress", "Score over rollouts and time", h("p", null, "No candidate has a score yet."));
  const box = h("div");
  const buttons = [["spent", "over rollouts"], ["elapsed", "over time"]].map(([by, words]) =>
    h("button", { type: "button", "aria-pressed": by === "spent", onclick: () => show(by) }, words));
  const show = (by) => {
    buttons[0].setAttribute("aria-pressed", by === "spent");
    buttons[1].setAttribute("aria-pressed", by === "elapsed");
    refill(box, chartView(by));
  };
  show("spent");
  return section("progress", "Score over rollouts and time",
    h("p", { class: "soft" }, "The line is the best score so far of the candidates that were validated in full. Each dot is a candidate that joined the pool. The table of candidates has the same numbers."),
    h("div", { class: "row" }, buttons), box);
};
