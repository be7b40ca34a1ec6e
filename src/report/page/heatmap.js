// The map of scores: a row for each candidate, a column for each validation example.

/** Returns the section. `openTrace` is called with an index of `run.runs`, a split and an example to show a rollout. */
const heatmapSection = (openTrace) => {
  const examples = winners().length;
  if (examples === 0) return section("pareto", "Scores by example", h("p", null, "No example has been scored yet."));
  const ids = run.examples[1];
  const canvas = h("canvas", { tabindex: "0", role: "application", "aria-describedby": "cell pareto-how",
    "aria-label": `Scores of ${count(run.candidates.length, "candidate")} on ${count(examples, "validation example")}` });
  const status = h("p", { id: "cell", class: "status small", "aria-live": "polite" });
  const box = h("div", { class: "scroll" }, canvas);
  /** Pool indices and example indices in the order in which they are shown. */
  let rows = [];
  let columns = [];
  /** The row and the column of the chosen cell. */
  let chosen = [0, 0];
  let cellSize = [4, 4];
  let [rowOrder, columnOrder, shown] = ["score", "hardest", "scores"];
  const LEFT = 44;

  const order = () => {
    rows = run.candidates.map((_, poolIndex) => poolIndex);
    if (rowOrder === "score") rows.sort((a, b) => {
      const [one, other] = [run.candidates[a], run.candidates[b]];
      return other.complete - one.complete || other.mean - one.mean || (one.mean > 0 ? one.prompt_tokens - other.prompt_tokens : 0) || a - b;
    });
    columns = winners().map((_, example) => example);
    if (columnOrder === "hardest") {
      const means = columns.map((example) => {
        const scores = run.candidates.map((candidate) => candidate.scores[example]).filter((value) => value !== null && value !== undefined);
        return scores.reduce((sum, value) => sum + value, 0) / Math.max(1, scores.length);
      });
      columns.sort((a, b) => means[a] - means[b] || a - b);
    }
  };

  // The map is drawn once on a canvas of its own. The visible canvas shows a copy with a frame around the chosen cell.
  const map = document.createElement("canvas");
  const draw = () => {
    const available = Math.max(280, (box.clientWidth || 1000) - LEFT - 4);
    const cellWidth = Math.max(3, Math.min(22, Math.floor(available / columns.length)));
    const cellHeight = rows.length > 80 ? 6 : rows.length > 30 ? 10 : 18;
    cellSize = [cellWidth, cellHeight];
    const [width, height] = [LEFT + cellWidth * columns.length + 2, cellHeight * rows.length + 2];
    const ratio = window.devicePixelRatio || 1;
    for (const target of [map, canvas]) [target.width, target.height] = [width * ratio, height * ratio];
    [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
    const pen = map.getContext("2d");
    pen.scale(ratio, ratio);
    const [gap, mark, ink] = [cellWidth > 5 ? 1 : 0, colour("--mark"), colour("--soft")];
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    const labelEvery = Math.ceil(14 / cellHeight);
    rows.forEach((poolIndex, row) => {
      const y = row * cellHeight;
      if (row % labelEvery === 0) {
        pen.fillStyle = ink;
        pen.fillText(`#${poolIndex}`, 4, Math.max(7, y + cellHeight / 2));
      }
      columns.forEach((example, column) => {
        const value = run.candidates[poolIndex].scores[example];
        if (value === null || value === undefined) return;
        const { best, who } = winners()[example];
        if (shown === "wins" && (best === 0 || value !== best)) return;
        pen.fillStyle = shown === "wins" && who.length === 1 ? mark : shade(value);
        pen.fillRect(LEFT + column * cellWidth, y, cellWidth - gap, cellHeight - (cellHeight > 5 ? 1 : 0));
      });
    });
    drawChosen();
  };
  const drawChosen = () => {
    const ratio = window.devicePixelRatio || 1;
    const pen = canvas.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(map, 0, 0);
    pen.scale(ratio, ratio);
    pen.strokeStyle = colour("--focus");
    pen.lineWidth = 2;
    pen.strokeRect(LEFT + chosen[1] * cellSize[0] - 1, chosen[0] * cellSize[1] - 1, cellSize[0] + 1, cellSize[1] + 1);
  };

  /** Describes the chosen cell in words below the map. */
  const describe = () => {
    const [poolIndex, example] = [rows[chosen[0]], columns[chosen[1]]];
    const { best, who } = winners()[example];
    const value = run.candidates[poolIndex].scores[example];
    const [id, beginning] = ids[example] ?? [`example ${example + 1}`, ""];
    refill(status, h("strong", null, `#${poolIndex}`), ` on ${id}: `, h("strong", null, value === null || value === undefined ? (run.candidates[poolIndex].complete ? "no score, the metric failed" : "not run") : score(value)),
      best === 0 ? "; no candidate scores on this example" : `; the best score on it is ${score(best)}, by ${who.length > 6 ? `${who.length} candidates` : who.map((other) => `#${other}`).join(", ")}`,
      h("br"), h("span", { class: "soft" }, beginning));
  };

  const chooseCell = (row, column) => {
    chosen = [Math.min(rows.length - 1, Math.max(0, row)), Math.min(columns.length - 1, Math.max(0, column))];
    drawChosen();
    describe();
  };
  const openChosen = () => {
    const runIndex = run.candidates[rows[chosen[0]]].run;
    if (runIndex !== null) openTrace(runIndex, 1, columns[chosen[1]]);
  };
  const cellAt = (event) => {
    const bounds = canvas.getBoundingClientRect();
    return [Math.floor((event.clientY - bounds.top) / cellSize[1]), Math.floor((event.clientX - bounds.left - LEFT) / cellSize[0])];
  };
  canvas.addEventListener("mousemove", (event) => {
    const [row, column] = cellAt(event);
    if (column >= 0 && column < columns.length && row >= 0 && row < rows.length && (row !== chosen[0] || column !== chosen[1])) chooseCell(row, column);
  });
  canvas.addEventListener("click", openChosen);
  canvas.addEventListener("keydown", (event) => {
    const [row, column] = chosen;
    const target = {
      ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
      Home: [row, 0], End: [row, columns.length - 1], PageUp: [0, column], PageDown: [rows.length - 1, column],
    }[event.key];
    if (target) {
      event.preventDefault();
      chooseCell(...target);
      // The box scrolls so that the chosen cell is visible.
      const [top, start] = [chosen[0] * cellSize[1], LEFT + chosen[1] * cellSize[0]];
      box.scrollTop = Math.min(top, Math.max(box.scrollTop, top + cellSize[1] - box.clientHeight));
      box.scrollLeft = Math.min(start - LEFT, Math.max(box.scrollLeft, start + cellSize[0] - box.clientWidth));
    } else if (event.key === "Enter") openChosen();
  });
  const update = () => { order(); draw(); chooseCell(...chosen); };
  const rowChoice = choice("candidates", [["score", "best first"], ["pool", "in pool order"]], rowOrder, (value) => { rowOrder = value; update(); });
  const columnChoice = choice("examples", [["hardest", "hardest first"], ["data", "in data order"]], columnOrder, (value) => { columnOrder = value; update(); });
  const shownChoice = choice("show", [["scores", "all scores"], ["wins", "only the best scores"]], shown, (value) => { shown = value; update(); });
  // Only a change of the width redraws the map: drawing itself changes the height.
  let width = 0;
  new ResizeObserver(() => {
    if (box.clientWidth === width) return;
    width = box.clientWidth;
    draw();
  }).observe(box);
  order();
  drawWithColours(draw);
  describe();

  // Examples on which the metric failed for every candidate are left out of this mean.
  const bestScores = winners().flatMap(({ best }, example) => (run.candidates.some((candidate) => typeof candidate.scores[example] === "number") ? [best] : []));
  const meanOfBest = bestScores.reduce((sum, value) => sum + value, 0) / Math.max(1, bestScores.length);
  const withoutScore = bestScores.filter((value) => value === 0).length;
  const bestMean = run.outcome.best === null ? null : run.candidates[run.outcome.best].mean;
  return section("pareto", "Scores by example",
    h("p", { class: "soft", id: "pareto-how" }, "A row is a candidate, a column a validation example. A darker colour means a higher score; an empty cell was not run. "
      + "The arrow keys or the mouse choose a cell; Enter or a click opens its trace."),
    h("p", null, `${bestMean === null ? "" : `The best candidate scores ${score(bestMean)}. `}${run.candidates.length < 2 ? "" : bestMean !== null && meanOfBest <= bestMean + 0.0005 ? "No other candidate is better on any example, so a merge could gain nothing." : `With the best score of any candidate on each example, the mean would be ${score(meanOfBest)}. Merging and further search can use this difference.`}`
      + (withoutScore > 0 ? ` On ${count(withoutScore, "example")}, every candidate scores 0.` : "")),
    h("div", { class: "row" }, rowChoice, columnChoice, shownChoice,
      h("span", { class: "legend" }, "0", h("span", { class: "ramp", "aria-hidden": "true" }), "1; orange, if only the best scores are shown: the only best candidate")),
    box, status);
};
