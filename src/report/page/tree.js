// The family: parents to the left, children to the right, merges with a second, dashed line.

const STEP_X = 108;
const STEP_Y = 24;

/** Columns by generation, rows so that no line crosses a node: each child below the ones before it. */
const placed = () => {
  const children = run.candidates.map(() => []);
  run.candidates.forEach((candidate, place) => {
    if (candidate.parents.length > 0) children[candidate.parents[0]].push(place);
  });
  const spots = run.candidates.map(() => null);
  let row = 0;
  // Without recursion: a family can be hundreds of generations deep.
  const open = run.candidates.flatMap((candidate, place) => (candidate.parents.length === 0 ? [[place, 0]] : []));
  while (open.length > 0) {
    const [place, depth] = open.pop();
    spots[place] = { depth, row };
    if (children[place].length === 0) row += 1;
    for (const child of [...children[place]].reverse()) open.push([child, depth + 1]);
  }
  return { spots, children, rows: Math.max(row, 1) };
};

const treeView = (choose) => {
  const { spots, children, rows } = placed();
  const x = (place) => 16 + spots[place].depth * STEP_X;
  const y = (place) => 18 + spots[place].row * STEP_Y;
  const width = 120 + Math.max(0, ...spots.map((spot) => spot.depth)) * STEP_X;
  const height = 36 + (rows - 1) * STEP_Y;
  const edges = run.candidates.flatMap((candidate, place) => candidate.parents.map((parent, nth) => {
    const [ax, ay, bx, by] = [x(parent), y(parent), x(place), y(place)];
    const down = by >= ay ? 1 : -1;
    if (nth > 0) {
      // From rim to rim in a bow to the left, where there are no labels.
      const [start, end, bow] = [ay + 8 * down, by - 9 * down, Math.min(ax, bx) - 34];
      return svg("path", { class: "edge merge", d: ay === by ? `M${ax} ${ay - 8}Q${(ax + bx) / 2} ${ay - 30} ${bx} ${by - 9}` : `M${ax} ${start}C${bow} ${start} ${bow} ${end} ${bx} ${end}` });
    }
    // An edge leaves its parent's row at once, so that it does not run through the labels of others.
    return svg("path", { class: "edge", d: ay === by ? `M${ax + 70} ${ay}H${bx - 8}` : `M${ax} ${ay + 8 * down}C${ax} ${by} ${ax + 8} ${by} ${ax + 20} ${by}H${bx - 8}` });
  }));
  const nodes = run.candidates.map((candidate, place) => {
    const words = `Candidate ${place}, ${score(candidate.mean)}, ${origin(candidate)}${candidate.complete ? "" : ", validated in part"}${isBest(place) ? ", the answer" : ""}`;
    const circle = svg("circle", { cx: x(place), cy: y(place), r: candidate.parents.length > 1 ? 8 : 7 });
    drawn(() => circle.setAttribute("fill", shade(candidate.mean)));
    const node = svg("a", {
      href: `#candidate-${place}`, class: `node${isBest(place) ? " best" : ""}${candidate.complete ? "" : " partial"}`,
      "data-place": place, "aria-label": words, tabindex: place === (run.outcome.best ?? 0) ? 0 : -1,
    }, svg("title", null, words), circle, svg("text", { x: x(place) + 12, y: y(place) + 4 }, `#${place} ${candidate.mean.toFixed(2)}`));
    return node;
  });
  const byRow = run.candidates.map((_, place) => place).sort((a, b) => y(a) - y(b) || x(a) - x(b));
  const move = (event) => {
    const place = Number(event.target.dataset?.place ?? NaN);
    if (Number.isNaN(place)) return;
    const at = byRow.indexOf(place);
    const next = {
      ArrowLeft: run.candidates[place].parents[0], ArrowRight: children[place][0],
      ArrowUp: byRow[at - 1], ArrowDown: byRow[at + 1], Home: byRow[0], End: byRow[byRow.length - 1],
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    nodes[next].focus();
    choose(next);
  };
  return h("div", { class: "scroll" },
    svg("svg", { width, height, role: "group", "aria-label": "Family tree of the candidates; arrow keys move from one to the next", onkeydown: move },
      edges, nodes));
};

const familySection = () => {
  const [panel, show] = candidatePanel();
  if (run.candidates.length === 0) return [section("family", "The family", h("p", null, "There is no candidate yet.")), () => {}];
  const merged = run.candidates.filter((candidate) => candidate.parents.length > 1).length;
  const whole = section("family", "The family",
    h("p", { class: "soft" }, "Each candidate was made from the one to its left. The fuller the colour, the higher the score on validation. "
      + "A dashed ring: validated in part. An orange ring: the answer."
      + (merged > 0 ? ` Dashed orange lines lead from the second parent of ${count(merged, "merged candidate")}.` : " Nothing was merged.")),
    treeView(show), panel, candidatesTable());
  return [whole, show];
};
