// All rollouts of one candidate beside those of another: scores, traces, feedback.

const ROW = 34;

/** A list of which only what can be seen is in the page; arrow keys move in it. */
const virtualList = (label, line, chosen) => {
  const space = h("div", { role: "presentation" });
  const list = h("div", { class: "list", role: "listbox", tabindex: "0", "aria-label": label }, space);
  let [items, at] = [[], 0];
  const draw = () => {
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 5);
    const last = Math.min(items.length, first + Math.ceil(list.clientHeight / ROW) + 11);
    space.style.height = `${items.length * ROW}px`;
    refill(space, items.slice(first, last).map((item, offset) => {
      const place = first + offset;
      const option = h("div", { class: "option", role: "option", id: `option-${place}`, "aria-selected": place === at, "aria-posinset": place + 1, "aria-setsize": items.length,
        onclick: () => go(place) }, line(item));
      option.style.top = `${place * ROW}px`;
      return option;
    }));
    if (items.length > 0) list.setAttribute("aria-activedescendant", `option-${at}`);
    else list.removeAttribute("aria-activedescendant");
  };
  const go = (place) => {
    at = Math.min(items.length - 1, Math.max(0, place));
    const top = at * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
    draw();
    if (items.length > 0) chosen(items[at]);
  };
  list.addEventListener("scroll", () => requestAnimationFrame(draw));
  list.addEventListener("keydown", (event) => {
    const page = Math.floor(list.clientHeight / ROW);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, PageUp: at - page, PageDown: at + page, Home: 0, End: items.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  });
  new ResizeObserver(draw).observe(list);
  const set = (all, place = 0) => { items = all; list.scrollTop = 0; go(place); draw(); };
  return [list, set];
};

const fields = (pairs) => pairs.map(([name, text]) => [h("div", { class: "soft small" }, name), h("pre", { tabindex: "0" }, text)]);

const stepView = (step, index, several) => {
  const [read, reused, wrote] = step.tokens;
  const asks = read + reused + wrote > 0, isKnown = asks && read + wrote === 0;
  return h("div", null,
    several && h("h4", null, `${index + 1}. ${step.module}`),
    h("details", null, h("summary", { class: "small" }, "what it read"), fields(step.inputs)),
    asks && [h("div", { class: "soft small" }, `answer${step.ended ? ` (${step.ended})` : ""}`), h("pre", { tabindex: "0" }, step.answer || "(nothing)")],
    step.outputs.some(([, value]) => value !== step.answer) && [h("div", { class: "soft small" }, asks ? "read from it" : "made"), fields(step.outputs)],
    step.retrieved.length > 0 && h("p", { class: "small" }, `retrieved: ${step.retrieved.join(", ")}`),
    step.problem && h("p", { class: "small" }, h("span", { class: "fate rejected" }, "form: "), step.problem),
    isKnown
      ? h("p", { class: "soft small" }, "the same call was answered in another rollout")
      : h("p", { class: "soft small" }, asks ? `${count(read, "prompt token")} computed, ${reused.toLocaleString("en")} reused, ${wrote.toLocaleString("en")} written; ` : "", duration(step.seconds)));
};

const rolloutView = (rollout) => h("div", null,
  h("p", null, h("strong", null, score(rollout.score)), rollout.score === null ? " (the metric failed)" : "",
    rollout.objectives.length > 0 && h("span", { class: "soft small" }, ` ${rollout.objectives.map(([name, value]) => `${name} ${score(value)}`).join(", ")}`)),
  rollout.failure && h("p", { class: "note" }, rollout.failure),
  h("div", { class: "soft small" }, "feedback"), h("pre", { tabindex: "0" }, rollout.feedback || "(none)"),
  rollout.modules.length > 0 && fields(rollout.modules.map(([name, words]) => [`feedback for ${name}`, words])),
  rollout.steps.map((step, index) => stepView(step, index, rollout.steps.length > 1)));

const rolloutsSection = () => {
  if (run.runs.length === 0) return [section("rollouts", "Every rollout", h("p", null, "There is no rollout yet.")), () => {}];
  const seed = run.candidates[0]?.run ?? 0;
  const best = run.candidates[run.outcome.best ?? 0]?.run ?? 0;
  const state = { a: best, b: seed === best ? null : seed, split: run.runs[best][1][2] > 0 ? 2 : 1, words: "", show: "all" };
  const detail = h("div", { id: "trace", role: "region", "aria-label": "The chosen example" });
  const heads = h("div", { class: "heads soft small", "aria-hidden": "true" });
  const short = (place) => nameOf(place).split(" ")[0].replace(",", "");
  const found = h("span", { class: "soft small", role: "status" });
  const controls = h("div", { class: "row" });
  let turn = 0;

  const side = (name, rollouts) => h("div", { class: "side" }, h("h3", null, name),
    rollouts.length === 0 ? h("p", { class: "soft" }, "It was not run on this example.") : rollouts.map(rolloutView));

  const elsewhere = (item) => {
    if (state.split !== 1) return null;
    const scores = run.candidates.map((candidate, place) => [place, candidate.scores[item.example], candidate.run])
      .filter(([, value, place]) => value !== null && value !== undefined && place !== null);
    scores.sort((x, y) => y[1] - x[1] || x[0] - y[0]);
    return h("details", null, h("summary", { class: "small" }, `all ${count(scores.length, "candidate")} that were run on it`),
      h("p", { class: "row" }, scores.map(([place, value, at]) => h("button", { type: "button", onclick: () => show(at, 1, item.example) }, `#${place} ${score(value)}`))));
  };

  const missing = (place) => h("p", { class: "note" }, `The traces of ${nameOf(place)} found no room in this page; journal.jsonl has them.`);

  // Scores on validation stand in the page for every candidate, its traces or not.
  const scoresOf = (place, rollouts) => {
    const who = place === null || rollouts !== null ? null : run.runs[place][0];
    return state.split === 1 && who !== null && typeof who === "object" && "candidate" in who ? run.candidates[who.candidate].scores : [];
  };

  const showDetail = (item) => {
    const [id, begins] = run.examples[state.split][item.example];
    const first = (item.a[0] ?? item.b[0])?.steps[0];
    refill(detail,
      h("h3", null, `${id}`),
      first ? fields(first.inputs) : h("p", { class: "soft" }, begins),
      elsewhere(item),
      h("div", { class: "two" }, item.hasTraces ? side(nameOf(state.a), item.a) : missing(state.a),
        state.b !== null && (item.hasTracesB ? side(nameOf(state.b), item.b) : missing(state.b))));
  };

  const value = (rollouts) => rollouts[0]?.score ?? null;
  const [list, set] = virtualList("Rollouts, one example a line", (item) => {
    const [a, b] = [item.scoreA, item.scoreB];
    const kind = a === null || b === null || a === b ? "score" : a > b ? "score up" : "score down";
    const [id, begins] = run.examples[state.split][item.example];
    return [h("span", null, id), h("span", { class: "soft" }, begins), h("span", { class: kind, "aria-label": `${nameOf(state.a)}: ${score(a)}` }, score(a)),
      h("span", { class: "score soft", "aria-label": state.b === null ? null : `${nameOf(state.b)}: ${score(b)}` }, state.b === null ? "" : score(b))];
  }, showDetail);

  const fits = (item) => {
    const [id, begins] = run.examples[state.split][item.example];
    const [a, b] = [item.scoreA, item.scoreB];
    const has = state.words === "" || [id, begins, ...[...item.a, ...item.b].flatMap((rollout) => [rollout.feedback, ...rollout.steps.flatMap((step) => [step.answer, ...step.inputs.map(([, text]) => text)])])]
      .some((text) => text.toLowerCase().includes(state.words.toLowerCase()));
    const is = { all: true, wrong: a !== null && a < 1, differ: a !== b, gained: a !== null && b !== null && a > b, lost: a !== null && b !== null && a < b,
      failed: item.a.some((rollout) => rollout.failure !== null || rollout.score === null) }[state.show];
    return has && is;
  };

  const fill = async (example) => {
    turn += 1;
    const mine = turn;
    refill(found, "unpacking…");
    try {
      const [a, b] = await Promise.all([rolloutsOf(state.a), rolloutsOf(state.b)]);
      if (mine !== turn) return;
      const [scoresA, scoresB] = [scoresOf(state.a, a), scoresOf(state.b, b)];
      const items = run.examples[state.split].map((_, at) => ({ example: at, a: [], b: [], scoreA: scoresA[at] ?? null, scoreB: scoresB[at] ?? null,
        hasTraces: a !== null, hasTracesB: b !== null }));
      for (const rollout of a ?? []) if (rollout.split === state.split) items[rollout.example].a.push(rollout);
      for (const rollout of b ?? []) if (rollout.split === state.split) items[rollout.example].b.push(rollout);
      for (const item of items) {
        item.scoreA ??= value(item.a);
        item.scoreB ??= value(item.b);
      }
      const there = items.filter((item) => (item.a.length > 0 || item.scoreA !== null) && fits(item));
      if (there.length === 0) refill(detail, h("p", null, "No rollout fits these choices."));
      set(there, Math.max(0, there.findIndex((item) => item.example === example)));
      refill(found, count(there.length, "example"));
      refill(heads, h("span", null, "example"), h("span", null, "begins with"), h("span", { class: "score" }, short(state.a)), h("span", { class: "score" }, state.b === null ? "" : short(state.b)));
    } catch (error) {
      refill(detail, h("p", { class: "note" }, `Cannot be shown: ${error.message}`));
    }
  };

  const names = run.runs.map((_, place) => [place, nameOf(place)]);
  names.sort(([x], [y]) => rank(x) - rank(y) || x - y);
  const build = () => {
    const ran = SPLITS.map((name, split) => [split, `${name} (${run.runs[state.a][1][split]})`]).filter(([split]) => run.examples[split].length > 0);
    refill(controls,
      choice("candidate", names, state.a, (of) => { show(Number(of), state.split); controls.querySelector("select").focus(); })[0],
      choice("beside", [["", "nobody"], ...names], state.b ?? "", (of) => { state.b = of === "" ? null : Number(of); fill(); })[0],
      choice("examples", ran, state.split, (of) => { state.split = Number(of); fill(); })[0],
      choice("show", [["all", "all"], ["wrong", "not perfect"], ["differ", "where the two differ"], ["gained", "where the first is better"], ["lost", "where the first is worse"], ["failed", "where it failed"]], state.show,
        (of) => { state.show = of; fill(); })[0],
      h("label", null, "search", h("input", { type: "search", value: state.words, oninput: (event) => { state.words = event.target.value; fill(); } })), found);
  };
  const show = (place, split, example) => {
    const counts = run.runs[place][1];
    state.a = place;
    if (state.b === place) state.b = seed === best ? null : place === best ? seed : best;
    if (example !== undefined) [state.words, state.show] = ["", "all"];
    state.split = split !== undefined && counts[split] > 0 ? split : Math.max(0, counts.findIndex((many) => many > 0));
    build();
    return fill(example);
  };
  build();
  const whole = section("rollouts", "Every rollout",
    h("p", { class: "soft" }, "What a candidate answered, example by example, beside another. Arrow keys move in the list."),
    run.leftOut > 0 && h("p", { class: "note" }, `The traces of ${count(run.leftOut, "candidate")} found no room in this page, which is kept below 10 MB; their scores are here, their traces in journal.jsonl.`),
    controls, heads, list, detail);
  return [whole, show, fill];
};

/** Candidates of the pool first. */
const rank = (place) => {
  const who = run.runs[place][0];
  return typeof who === "object" && "candidate" in who ? who.candidate : 1e6;
};
