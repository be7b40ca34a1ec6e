// The family tree of the candidates: parents to the left of their children, and a dashed line from the second parent of a merge.

/** The distance between two generations, in pixels. */
const STEP_X = 108;
/** The distance between two rows, in pixels. */
const STEP_Y = 24;

/** Returns for each candidate its column (generation) and its row, such that no line crosses a node: each child is below the
 * children before it. Also returns the children of each candidate and the number of rows. */
const treeLayout = () => {
  const children = run.candidates.map(() => []);
  run.candidates.forEach((candidate, poolIndex) => {
    if (candidate.parents.length > 0) children[candidate.parents[0]].push(poolIndex);
  });
  const positions = run.candidates.map(() => null);
  let row = 0;
  // A loop, because a recursion over hundreds of generations could exceed the stack.
  const open = run.candidates.flatMap((candidate, poolIndex) => (candidate.parents.length === 0 ? [[poolIndex, 0]] : []));
  while (open.length > 0) {
    const [poolIndex, depth] = open.pop();
    positions[poolIndex] = { depth, row };
    if (children[poolIndex].length === 0) row += 1;
    for (const child of [...children[poolIndex]].reverse()) open.push([child, depth + 1]);
  }
  return { positions, children, rows: Math.max(row, 1) };
};

/** Returns the tree. `onChoice` is called with the pool index of the candidate that a key moves to. */
const treeView = (onChoice) => {
  const { positions, children, rows } = treeLayout();
  const x = (poolIndex) => 16 + positions[poolIndex].depth * STEP_X;
  const y = (poolIndex) => 18 + positions[poolIndex].row * STEP_Y;
  const width = 120 + Math.max(0, ...positions.map((position) => position.depth)) * STEP_X;
  const height = 36 + (rows - 1) * STEP_Y;
  const edges = run.candidates.flatMap((candidate, poolIndex) => candidate.parents.map((parent, nth) => {
    const [ax, ay, bx, by] = [x(parent), y(parent), x(poolIndex), y(poolIndex)];
    const down = by >= ay ? 1 : -1;
    if (nth > 0) {
      // A curve on the left side of the nodes, where there are no labels.
      const [start, end, bow] = [ay + 8 * down, by - 9 * down, Math.min(ax, bx) - 34];
      return svg("path", { class: "edge merge", d: ay === by ? `M${ax} ${ay - 8}Q${(ax + bx) / 2} ${ay - 30} ${bx} ${by - 9}` : `M${ax} ${start}C${bow} ${start} ${bow} ${end} ${bx} ${end}` });
    }
    // A line leaves the row of its parent at once, so that it does not cross the labels in that row.
    return svg("path", { class: "edge", d: ay === by ? `M${ax + 70} ${ay}H${bx - 8}` : `M${ax} ${ay + 8 * down}C${ax} ${by} ${ax + 8} ${by} ${ax + 20} ${by}H${bx - 8}` });
  }));
  const nodes = run.candidates.map((candidate, poolIndex) => {
    const words = `Candidate ${poolIndex}, ${score(candidate.mean)}, ${origin(candidate)}${candidate.complete ? "" : ", validated in part"}${isBest(poolIndex) ? ", the best" : ""}`;
    const circle = svg("circle", { cx: x(poolIndex), cy: y(poolIndex), r: candidate.parents.length > 1 ? 8 : 7 });
    drawWithColours(() => circle.setAttribute("fill", shade(candidate.mean)));
    return svg("a", {
      href: `#candidate-${poolIndex}`, class: `node${isBest(poolIndex) ? " best" : ""}${candidate.complete ? "" : " partial"}`,
      "data-candidate": poolIndex, "aria-label": words, tabindex: poolIndex === (run.outcome.best ?? 0) ? 0 : -1,
    }, svg("title", null, words), circle, svg("text", { x: x(poolIndex) + 12, y: y(poolIndex) + 4 }, `#${poolIndex} ${candidate.mean.toFixed(2)}`));
  });
  const byRow = run.candidates.map((_, poolIndex) => poolIndex).sort((a, b) => y(a) - y(b) || x(a) - x(b));
  const onKey = (event) => {
    const poolIndex = Number(event.target.dataset?.candidate ?? NaN);
    if (Number.isNaN(poolIndex)) return;
    const rank = byRow.indexOf(poolIndex);
    const next = {
      ArrowLeft: run.candidates[poolIndex].parents[0], ArrowRight: children[poolIndex][0],
      ArrowUp: byRow[rank - 1], ArrowDown: byRow[rank + 1], Home: byRow[0], End: byRow[byRow.length - 1],
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    nodes[next].focus();
    onChoice(next);
  };
  return h("div", { class: "scroll" },
    svg("svg", { width, height, role: "group", "aria-label": "Family tree of the candidates; arrow keys move from one to the next", onkeydown: onKey },
      edges, nodes));
};

const familySection = () => {
  const [panel, show] = candidatePanel();
  if (run.candidates.length === 0) return [section("family", "Family tree", h("p", null, "There is no candidate yet.")), () => {}];
  const merged = run.candidates.filter((candidate) => candidate.parents.length > 1).length;
  const whole = section("family", "Family tree",
    h("p", { class: "soft" }, "Each candidate was made from the one to its left. A darker colour means a higher score on validation. "
      + "A dashed ring means validated in part, an orange ring the best candidate."
      + (merged > 0 ? ` Dashed orange lines lead from the second parent of ${count(merged, "merged candidate")}.` : " No candidates were merged.")),
    treeView(show), panel, candidatesTable());
  return [whole, show];
};
