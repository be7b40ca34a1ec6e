// The first section: the result, whether it may be luck, and the best prompt.

const header = () => {
  const state = run.finished ? h("span", { class: "chip" }, "finished") : h("span", { class: "chip live" }, "not finished");
  const size = `${count(run.rollouts, "rollout")}, ${count(run.candidates.length, "candidate")}, ${duration(run.spending.search)}`;
  document.title = visible(`${run.name} · gepard report`);
  filled(document.getElementById("top"), null, [
    h("div", { class: "title" }, h("h1", null, run.name), state, h("span", { class: "soft small" }, size)),
  ]);
};

/** Returns a picture of the interval of a difference, on a line with zero in the middle. */
const intervalView = (paired) => {
  const [low, high] = paired.interval_95;
  const reach = Math.max(Math.abs(low), Math.abs(high), 0.02) * 1.15;
  const x = (value) => 110 + (value / reach) * 100;
  const words = `95% interval from ${signed(low)} to ${signed(high)}`;
  return svg("svg", { width: 220, height: 40, viewBox: "0 0 220 40", role: "img", "aria-label": words },
    svg("line", { class: "axis", x1: 5, x2: 215, y1: 16, y2: 16 }),
    svg("line", { class: "zero", x1: 110, x2: 110, y1: 4, y2: 28 }),
    svg("line", { class: "interval", x1: x(low), x2: Math.max(x(high), x(low) + 1), y1: 16, y2: 16 }),
    svg("circle", { cx: x(paired.difference), cy: 16, r: 5, fill: "currentColor" }),
    svg("text", { class: "tick", x: 110, y: 39, "text-anchor": "middle" }, "0"));
};

const figures = (paired, split) => {
  const figure = (term, value, kind = "") => h("div", { class: "figure" }, h("dt", null, term), h("dd", { class: kind }, value));
  const interval = paired.interval_95;
  return h("dl", { class: "figures" },
    figure(`seed, on ${split}`, score(paired.first)),
    figure(`best, on ${split}`, score(paired.second)),
    figure("difference", signed(paired.difference), run.outcome.conclusion),
    interval && h("div", { class: "figure" }, h("dt", null, `95% interval ${signed(interval[0])} to ${signed(interval[1])}`), h("dd", null, intervalView(paired))));
};

/** Returns the messages of a chat, each below its role. */
const messagesView = (messages, label) => messages.map(({ role, content }) => [
  h("div", { class: "soft small" }, role),
  h("pre", { tabindex: "0", role: "region", "aria-label": `${label}, ${role}` }, content),
]);

/** Returns for each module of a candidate its prompt, and the difference from the prompt of another candidate. */
const promptViews = (poolIndex, comparedIndex, comparedName) => run.candidates[poolIndex].instructions.map(([module, text]) => {
  const candidate = run.candidates[poolIndex];
  const before = (run.candidates[comparedIndex].instructions.find(([name]) => name === module) ?? ["", ""])[1];
  const status = h("span", { class: "soft small", role: "status" });
  const copy = h("button", {
    type: "button",
    onclick: () => copied(text).then((done) => refill(status, done ? "copied" : "the browser does not allow this: select the text to copy it")),
  }, "Copy");
  const sent = poolIndex === run.outcome.best && run.sent.find(([name]) => name === module);
  const shown = candidate.demonstrations.find(([name]) => name === module);
  return h("div", null,
    h("div", { class: "row" }, h("h3", null, module), copy, status,
      candidate.reasoning.includes(module) && h("span", { class: "chip" }, "reasons before it answers")),
    h("div", { class: "two" },
      h("div", null, h("div", { class: "soft small" }, "The prompt"),
        h("pre", { class: "prompt", tabindex: "0", role: "region", "aria-label": `Prompt of ${module}` }, text)),
      poolIndex !== comparedIndex && h("div", null, h("div", { class: "soft small" }, `Changes from ${comparedName}`),
        differenceView(before, text, `Changes in ${module} from ${comparedName}`))),
    shown && h("p", { class: "small" }, `With ${count(shown[1].length, "demonstration")} from the training data: ${shown[1].join(", ")}.`),
    sent && h("details", null, h("summary", null, "The whole chat, as it is sent"), messagesView(sent[1], `Chat of ${module}`)));
});

const copied = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
};

/** Returns the candidates among which score and prompt length have to be weighed; null if there is only one. */
const frontierView = () => {
  if (run.frontier.length < 2) return null;
  const row = ({ candidate, score: mean, prompt_tokens }) => h("tr", { class: isBest(candidate) && "chosen" },
    h("th", { scope: "row", class: "number" }, h("a", { href: `#candidate-${candidate}` }, `#${candidate}`)),
    h("td", { class: "number" }, score(mean)), h("td", { class: "number" }, prompt_tokens));
  const heads = ["candidate", "validation", "prompt tokens"].map((name) => h("th", { scope: "col", class: "number" }, name));
  return h("div", { class: "scroll", id: "frontier", tabindex: "0", role: "region", "aria-label": "Score by prompt length" },
    h("table", null,
      h("caption", null, "Score by prompt length: the fully validated candidates for which no shorter one scores as high."),
      h("thead", null, h("tr", null, heads)), h("tbody", null, run.frontier.map(row))));
};

const resultSection = () => {
  const { best, test, validation, headline, explanation } = run.outcome;
  const note = (words) => h("p", { class: "note" }, words);
  return h("section", { id: "result", "aria-labelledby": "result-title" },
    h("h2", { id: "result-title", class: "headline" }, headline),
    best === 0 ? null : test ? figures(test, "test") : validation ? figures(validation, "validation") : null,
    h("p", null, explanation),
    best !== 0 && test && validation && h("p", { class: "soft" },
      `On the validation examples, by which the best candidate was chosen: seed ${score(validation.first)}, best ${score(validation.second)}.`),
    best === 0 && h("p", null, `The seed scores ${score(run.candidates[0].mean)} on validation${test ? ` and ${score(test.first)} on test` : ""}.`),
    frontierView(),
    run.finding && h("p", { class: "soft" }, `${run.finding[0].toUpperCase()}${run.finding.slice(1)}. The search stopped because ${run.stopped}.`),
    !run.finished && note("The run is still going on, or was interrupted: this page shows what its journal has. The same command resumes an interrupted run."),
    run.trials.length > 0 && note(`Scores of single answers on the training examples, after each trial: ${run.trials.map(score).join(", ")}. The prompt stays the same.`),
    run.unscored > 0 && note(`The metric failed on ${count(run.unscored, "rollout")}. They have no score and are in no mean.`),
    run.notes.map(note), run.warnings.map(note),
    best !== null && [
      h("h2", { id: "prompt" }, best === 0 ? "The prompt, unchanged" : `The best prompt (candidate #${best})`),
      promptViews(best, 0, "the seed"),
    ]);
};
