// The rollouts of a candidate, optionally beside those of another: scores, traces and feedback.

/** The height of a line in the list, in pixels. */
const ROW = 34;

/** Returns a list that has elements only for its visible lines, and the function that sets its items. `line` makes the content of
 * a line, `onChoice` is called with the chosen item. */
const virtualList = (label, line, onChoice) => {
  const space = h("div", { role: "presentation" });
  const list = h("div", { class: "list", role: "listbox", tabindex: "0", "aria-label": label }, space);
  let [items, chosen] = [[], 0];
  const draw = () => {
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 5);
    const last = Math.min(items.length, first + Math.ceil(list.clientHeight / ROW) + 11);
    space.style.height = `${items.length * ROW}px`;
    refill(space, items.slice(first, last).map((item, offset) => {
      const index = first + offset;
      const option = h("div", { class: "option", role: "option", id: `option-${index}`, "aria-selected": index === chosen, "aria-posinset": index + 1, "aria-setsize": items.length,
        onclick: () => choose(index) }, line(item));
      option.style.top = `${index * ROW}px`;
      return option;
    }));
    if (items.length > 0) list.setAttribute("aria-activedescendant", `option-${chosen}`);
    else list.removeAttribute("aria-activedescendant");
  };
  const choose = (index) => {
    chosen = Math.min(items.length - 1, Math.max(0, index));
    const top = chosen * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
    draw();
    if (items.length > 0) onChoice(items[chosen]);
  };
  list.addEventListener("scroll", () => requestAnimationFrame(draw));
  list.addEventListener("keydown", (event) => {
    const page = Math.floor(list.clientHeight / ROW);
    const target = { ArrowUp: chosen - 1, ArrowDown: chosen + 1, PageUp: chosen - page, PageDown: chosen + page, Home: 0, End: items.length - 1 }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    choose(target);
  });
  new ResizeObserver(draw).observe(list);
  const set = (newItems, index = 0) => { items = newItems; list.scrollTop = 0; choose(index); draw(); };
  return [list, set];
};

const fields = (pairs) => pairs.map(([name, text]) => [h("div", { class: "soft small" }, name), h("pre", { tabindex: "0" }, text)]);

const stepView = (step, index, hasSeveral) => {
  const [prefilled, reused, decoded] = step.tokens;
  const asksModel = prefilled + reused + decoded > 0;
  const isCached = asksModel && prefilled + decoded === 0;
  return h("div", null,
    hasSeveral && h("h4", null, `${index + 1}. ${step.module}`),
    h("details", null, h("summary", { class: "small" }, "inputs"), fields(step.inputs)),
    asksModel && [h("div", { class: "soft small" }, `answer${step.ended ? ` (${step.ended})` : ""}`), h("pre", { tabindex: "0" }, step.answer || "(nothing)")],
    step.outputs.some(([, value]) => value !== step.answer) && [h("div", { class: "soft small" }, asksModel ? "outputs, read from the answer" : "outputs"), fields(step.outputs)],
    step.retrieved.length > 0 && h("p", { class: "small" }, `retrieved: ${step.retrieved.join(", ")}`),
    step.problem && h("p", { class: "small" }, h("span", { class: "fate rejected" }, "wrong form: "), step.problem),
    isCached
      ? h("p", { class: "soft small" }, "the answer to the same request in another rollout was used")
      : h("p", { class: "soft small" }, asksModel ? `${count(prefilled, "prompt token")} computed, ${reused.toLocaleString("en")} reused, ${decoded.toLocaleString("en")} generated; ` : "", duration(step.seconds)));
};

const rolloutView = (rollout) => h("div", null,
  h("p", null, h("strong", null, score(rollout.score)), rollout.score === null ? " (the metric failed)" : "",
    rollout.objectives.length > 0 && h("span", { class: "soft small" }, ` ${rollout.objectives.map(([name, value]) => `${name} ${score(value)}`).join(", ")}`)),
  rollout.failure && h("p", { class: "note" }, rollout.failure),
  h("div", { class: "soft small" }, "feedback"), h("pre", { tabindex: "0" }, rollout.feedback || "(none)"),
  rollout.modules.length > 0 && fields(rollout.modules.map(([name, words]) => [`feedback for ${name}`, words])),
  rollout.steps.map((step, index) => stepView(step, index, rollout.steps.length > 1)));

const rolloutsSection = () => {
  if (run.runs.length === 0) return { section: section("rollouts", "Rollouts", h("p", null, "There is no rollout yet.")), show: () => {}, fill: () => {} };
  const seed = run.candidates[0]?.run ?? 0;
  const best = run.candidates[run.outcome.best ?? 0]?.run ?? 0;
  const state = { a: best, b: seed === best ? null : seed, split: run.runs[best][1][2] > 0 ? 2 : 1, words: "", show: "all" };
  const detail = h("div", { id: "trace", role: "region", "aria-label": "The chosen example" });
  const heads = h("div", { class: "heads soft small", "aria-hidden": "true" });
  const shortName = (runIndex) => nameOf(runIndex).split(" ")[0].replace(",", "");
  const status = h("span", { class: "soft small", role: "status" });
  const controls = h("div", { class: "row" });
  /** Counts the calls of `fill`, so that an earlier call that ends later shows nothing. */
  let fillCount = 0;

  const side = (name, rollouts) => h("div", { class: "side" }, h("h3", null, name),
    rollouts.length === 0 ? h("p", { class: "soft" }, "This candidate was not run on this example.") : rollouts.map(rolloutView));

  /** Returns links to the rollouts of all candidates on a validation example. */
  const otherCandidates = (item) => {
    if (state.split !== 1) return null;
    const scores = run.candidates.map((candidate, poolIndex) => [poolIndex, candidate.scores[item.example], candidate.run])
      .filter(([, value, runIndex]) => value !== null && value !== undefined && runIndex !== null);
    scores.sort((x, y) => y[1] - x[1] || x[0] - y[0]);
    return h("details", null, h("summary", { class: "small" }, `the scores of ${count(scores.length, "candidate")} on this example`),
      h("p", { class: "row" }, scores.map(([poolIndex, value, runIndex]) => h("button", { type: "button", onclick: () => show(runIndex, 1, item.example) }, `#${poolIndex} ${score(value)}`))));
  };

  const missing = (runIndex) => h("p", { class: "note" }, `The traces of ${nameOf(runIndex)} are not in this page, because it would be too large; journal.jsonl has them.`);

  // The page has the validation scores of every candidate in the pool, also of one whose traces were left out.
  const scoresOf = (runIndex, rollouts) => {
    const who = runIndex === null || rollouts !== null ? null : run.runs[runIndex][0];
    return state.split === 1 && who !== null && typeof who === "object" && "candidate" in who ? run.candidates[who.candidate].scores : [];
  };

  const showDetail = (item) => {
    const [id, beginning] = run.examples[state.split][item.example];
    const first = (item.a[0] ?? item.b[0])?.steps[0];
    refill(detail,
      h("h3", null, `${id}`),
      first ? fields(first.inputs) : h("p", { class: "soft" }, beginning),
      otherCandidates(item),
      h("div", { class: "two" }, item.hasTraces ? side(nameOf(state.a), item.a) : missing(state.a),
        state.b !== null && (item.hasTracesB ? side(nameOf(state.b), item.b) : missing(state.b))));
  };

  const firstScore = (rollouts) => rollouts[0]?.score ?? null;
  const [list, set] = virtualList("Rollouts, one example in each line", (item) => {
    const [a, b] = [item.scoreA, item.scoreB];
    const kind = a === null || b === null || a === b ? "score" : a > b ? "score up" : "score down";
    const [id, beginning] = run.examples[state.split][item.example];
    return [h("span", null, id), h("span", { class: "soft" }, beginning), h("span", { class: kind, "aria-label": `${nameOf(state.a)}: ${score(a)}` }, score(a)),
      h("span", { class: "score soft", "aria-label": state.b === null ? null : `${nameOf(state.b)}: ${score(b)}` }, state.b === null ? "" : score(b))];
  }, showDetail);

  const fits = (item) => {
    const [id, beginning] = run.examples[state.split][item.example];
    const [a, b] = [item.scoreA, item.scoreB];
    const hasWords = state.words === "" || [id, beginning, ...[...item.a, ...item.b].flatMap((rollout) => [rollout.feedback, ...rollout.steps.flatMap((step) => [step.answer, ...step.inputs.map(([, text]) => text)])])]
      .some((text) => text.toLowerCase().includes(state.words.toLowerCase()));
    const isShown = { all: true, wrong: a !== null && a < 1, differ: a !== b, gained: a !== null && b !== null && a > b, lost: a !== null && b !== null && a < b,
      failed: item.a.some((rollout) => rollout.failure !== null || rollout.score === null) }[state.show];
    return hasWords && isShown;
  };

  const fill = async (example) => {
    fillCount += 1;
    const thisFill = fillCount;
    refill(status, "decompressing…");
    try {
      const [a, b] = await Promise.all([rolloutsOf(state.a), rolloutsOf(state.b)]);
      if (thisFill !== fillCount) return;
      const [scoresA, scoresB] = [scoresOf(state.a, a), scoresOf(state.b, b)];
      const items = run.examples[state.split].map((_, index) => ({ example: index, a: [], b: [], scoreA: scoresA[index] ?? null, scoreB: scoresB[index] ?? null,
        hasTraces: a !== null, hasTracesB: b !== null }));
      for (const rollout of a ?? []) if (rollout.split === state.split) items[rollout.example].a.push(rollout);
      for (const rollout of b ?? []) if (rollout.split === state.split) items[rollout.example].b.push(rollout);
      for (const item of items) {
        item.scoreA ??= firstScore(item.a);
        item.scoreB ??= firstScore(item.b);
      }
      const fitting = items.filter((item) => (item.a.length > 0 || item.scoreA !== null) && fits(item));
      if (fitting.length === 0) refill(detail, h("p", null, "No rollout fits these filters."));
      set(fitting, Math.max(0, fitting.findIndex((item) => item.example === example)));
      refill(status, count(fitting.length, "example"));
      refill(heads, h("span", null, "example"), h("span", null, "beginning"), h("span", { class: "score" }, shortName(state.a)), h("span", { class: "score" }, state.b === null ? "" : shortName(state.b)));
    } catch (error) {
      refill(detail, h("p", { class: "note" }, `The rollouts cannot be shown: ${error.message}`));
    }
  };

  const names = run.runs.map((_, runIndex) => [runIndex, nameOf(runIndex)]);
  names.sort(([x], [y]) => rank(x) - rank(y) || x - y);
  const fillControls = () => {
    const splits = SPLITS.map((name, split) => [split, `${name} (${run.runs[state.a][1][split]})`]).filter(([split]) => run.examples[split].length > 0);
    refill(controls,
      choice("candidate", names, state.a, (value) => { show(Number(value), state.split); controls.querySelector("select").focus(); }),
      choice("compared with", [["", "none"], ...names], state.b ?? "", (value) => { state.b = value === "" ? null : Number(value); fill(); }),
      choice("examples", splits, state.split, (value) => { state.split = Number(value); fill(); }),
      choice("show", [["all", "all"], ["wrong", "score below 1"], ["differ", "scores that differ"], ["gained", "the first is better"], ["lost", "the first is worse"], ["failed", "failures"]], state.show,
        (value) => { state.show = value; fill(); }),
      h("label", null, "search", h("input", { type: "search", value: state.words, oninput: (event) => { state.words = event.target.value; fill(); } })), status);
  };
  const show = (runIndex, split, example) => {
    const counts = run.runs[runIndex][1];
    state.a = runIndex;
    if (state.b === runIndex) state.b = seed === best ? null : runIndex === best ? seed : best;
    if (example !== undefined) [state.words, state.show] = ["", "all"];
    state.split = split !== undefined && counts[split] > 0 ? split : Math.max(0, counts.findIndex((number) => number > 0));
    fillControls();
    return fill(example);
  };
  fillControls();
  const whole = section("rollouts", "Rollouts",
    h("p", { class: "soft" }, "The answers and traces of a candidate, example by example, compared with those of another. Arrow keys move in the list."),
    run.leftOut > 0 && h("p", { class: "note" }, `The traces of ${count(run.leftOut, "candidate")} are not in this page, which has at most 10 MB. Their scores are here, their traces in journal.jsonl.`),
    controls, heads, list, detail);
  return { section: whole, show, fill };
};

/** Returns the rank of a candidate in the list of names: candidates of the pool come first. */
const rank = (runIndex) => {
  const who = run.runs[runIndex][0];
  return typeof who === "object" && "candidate" in who ? who.candidate : 1e6;
};
