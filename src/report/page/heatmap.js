// Candidates and validation examples: who scores what, and who is best where.

const heatmapSection = (open) => {
  const examples = winners().length;
  if (examples === 0) return section("pareto", "Who wins where", h("p", null, "No example has been scored yet."));
  const ids = run.examples[1];
  const canvas = h("canvas", { tabindex: "0", role: "application", "aria-describedby": "cell pareto-how",
    "aria-label": `Scores of ${count(run.candidates.length, "candidate")} on ${count(examples, "validation example")}` });
  const status = h("p", { id: "cell", class: "status small", "aria-live": "polite" });
  const box = h("div", { class: "scroll" }, canvas);
  let rows = [];
  let columns = [];
  let at = [0, 0];
  let size = [4, 4];
  let [byRow, byColumn, only] = ["score", "hardest", "scores"];
  const LEFT = 44;

  const order = () => {
    rows = run.candidates.map((_, place) => place);
    if (byRow === "score") rows.sort((a, b) => {
      const [one, other] = [run.candidates[a], run.candidates[b]];
      return other.complete - one.complete || other.mean - one.mean || (one.mean > 0 ? one.prompt_tokens - other.prompt_tokens : 0) || a - b;
    });
    columns = winners().map((_, example) => example);
    if (byColumn === "hardest") {
      const right = columns.map((example) => {
        const scores = run.candidates.map((candidate) => candidate.scores[example]).filter((value) => value !== null && value !== undefined);
        return scores.reduce((sum, value) => sum + value, 0) / Math.max(1, scores.length);
      });
      columns.sort((a, b) => right[a] - right[b] || a - b);
    }
  };

  // The map is drawn once; what is chosen moves over it.
  const map = document.createElement("canvas");
  const draw = () => {
    const room = Math.max(280, (box.clientWidth || 1000) - LEFT - 4);
    const wide = Math.max(3, Math.min(22, Math.floor(room / columns.length)));
    const high = rows.length > 80 ? 6 : rows.length > 30 ? 10 : 18;
    size = [wide, high];
    const [width, height] = [LEFT + wide * columns.length + 2, high * rows.length + 2];
    const dense = window.devicePixelRatio || 1;
    for (const of of [map, canvas]) [of.width, of.height] = [width * dense, height * dense];
    [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
    const pen = map.getContext("2d");
    pen.scale(dense, dense);
    const [gap, mark, ink] = [wide > 5 ? 1 : 0, colour("--mark"), colour("--soft")];
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    const every = Math.ceil(14 / high);
    rows.forEach((place, row) => {
      const y = row * high;
      if (row % every === 0) {
        pen.fillStyle = ink;
        pen.fillText(`#${place}`, 4, Math.max(7, y + high / 2));
      }
      columns.forEach((example, column) => {
        const value = run.candidates[place].scores[example];
        if (value === null || value === undefined) return;
        const { best, who } = winners()[example];
        if (only === "wins" && (best === 0 || value !== best)) return;
        pen.fillStyle = only === "wins" && who.length === 1 ? mark : shade(value);
        pen.fillRect(LEFT + column * wide, y, wide - gap, high - (high > 5 ? 1 : 0));
      });
    });
    choose();
  };
  const choose = () => {
    const dense = window.devicePixelRatio || 1;
    const pen = canvas.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(map, 0, 0);
    pen.scale(dense, dense);
    pen.strokeStyle = colour("--focus");
    pen.lineWidth = 2;
    pen.strokeRect(LEFT + at[1] * size[0] - 1, at[0] * size[1] - 1, size[0] + 1, size[1] + 1);
  };

  const say = () => {
    const [place, example] = [rows[at[0]], columns[at[1]]];
    const { best, who } = winners()[example];
    const value = run.candidates[place].scores[example];
    const [id, begins] = ids[example] ?? [`example ${example + 1}`, ""];
    refill(status, h("strong", null, `#${place}`), ` on ${id}: `, h("strong", null, value === null || value === undefined ? (run.candidates[place].complete ? "no score, the metric failed" : "not run") : score(value)),
      best === 0 ? "; nobody scores there" : `; the best there is ${score(best)}, by ${who.length > 6 ? `${who.length} candidates` : who.map((other) => `#${other}`).join(", ")}`,
      h("br"), h("span", { class: "soft" }, begins));
  };

  const go = (row, column) => {
    at = [Math.min(rows.length - 1, Math.max(0, row)), Math.min(columns.length - 1, Math.max(0, column))];
    choose();
    say();
  };
  const trace = () => {
    const place = run.candidates[rows[at[0]]].run;
    if (place !== null) open(place, 1, columns[at[1]]);
  };
  const cell = (event) => {
    const bounds = canvas.getBoundingClientRect();
    return [Math.floor((event.clientY - bounds.top) / size[1]), Math.floor((event.clientX - bounds.left - LEFT) / size[0])];
  };
  canvas.addEventListener("mousemove", (event) => {
    const [row, column] = cell(event);
    if (column >= 0 && column < columns.length && row >= 0 && row < rows.length && (row !== at[0] || column !== at[1])) go(row, column);
  });
  canvas.addEventListener("click", trace);
  canvas.addEventListener("keydown", (event) => {
    const [row, column] = at;
    const to = {
      ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
      Home: [row, 0], End: [row, columns.length - 1], PageUp: [0, column], PageDown: [rows.length - 1, column],
    }[event.key];
    if (to) {
      event.preventDefault();
      go(...to);
      // The chosen cell stays in view.
      const [top, start] = [at[0] * size[1], LEFT + at[1] * size[0]];
      box.scrollTop = Math.min(top, Math.max(box.scrollTop, top + size[1] - box.clientHeight));
      box.scrollLeft = Math.min(start - LEFT, Math.max(box.scrollLeft, start + size[0] - box.clientWidth));
    } else if (event.key === "Enter") trace();
  });
  const again = () => { order(); draw(); go(...at); };
  const [rowChoice] = choice("candidates", [["score", "the best first"], ["place", "in their order"]], byRow, (value) => { byRow = value; again(); });
  const [columnChoice] = choice("examples", [["hardest", "the hardest first"], ["place", "in their order"]], byColumn, (value) => { byColumn = value; again(); });
  const [onlyChoice] = choice("show", [["scores", "all scores"], ["wins", "only who is best"]], only, (value) => { only = value; again(); });
  // A change of the width, not of the height that drawing itself brings about.
  let width = 0;
  new ResizeObserver(() => {
    if (box.clientWidth === width) return;
    width = box.clientWidth;
    draw();
  }).observe(box);
  order();
  drawn(draw);
  say();

  // Where the metric failed on all of them, there is nothing to be best on.
  const top = winners().flatMap(({ best }, at) => (run.candidates.some((candidate) => typeof candidate.scores[at] === "number") ? [best] : []));
  const all = top.reduce((sum, value) => sum + value, 0) / Math.max(1, top.length);
  const nobody = top.filter((value) => value === 0).length;
  const answer = run.outcome.best === null ? null : run.candidates[run.outcome.best].mean;
  return section("pareto", "Who wins where",
    h("p", { class: "soft", id: "pareto-how" }, "A row is a candidate, a column a validation example. The fuller the colour, the higher the score; empty: not run. "
      + "With the arrow keys or the mouse, read a cell; Enter or a click opens its trace."),
    h("p", null, `${answer === null ? "" : `The answer scores ${score(answer)}. `}${run.candidates.length < 2 ? "" : answer !== null && all <= answer + 0.0005 ? "No candidate is better on any example: there is nothing to merge." : `Were each example left to its best candidate, the score would be ${score(all)}: that is what merging and further search can draw on.`}`
      + (nobody > 0 ? ` On ${count(nobody, "example")} nobody scores at all.` : "")),
    h("div", { class: "row" }, rowChoice, columnChoice, onlyChoice,
      h("span", { class: "legend" }, "0", h("span", { class: "ramp", "aria-hidden": "true" }), "1; orange, where only the best are shown: alone best")),
    box, status);
};
