// Every iteration: what a reflector read, what it wrote, what became of it and why.

const FATES = {
  open: "under way", tried: "tried", rejected: "rejected", passed_over: "passed over", partial: "kept as a parent, validated in part", accepted: "accepted",
  unusable: "nothing to try",
};

/** What became of an iteration's attempts, for its line and for the filter. */
const outcomes = (iteration) => {
  const of = iteration.merge ? [iteration.merge] : iteration.proposals;
  const tried = of.map((proposal) => ({ fate: proposal.fate, how: how(iteration, proposal), why: proposal.why, candidate: proposal.candidate }));
  const failed = iteration.asked.filter((asked) => asked.unusable)
    .map((asked) => ({ fate: "unusable", how: asked.operator, why: asked.unusable.reason, candidate: null }));
  return [...tried, ...failed];
};

const how = (iteration, proposal) =>
  (iteration.merge ? "merge" : [...new Set(proposal.operators.map(([, operator]) => operator))].join(", ") || "change");

const fateView = ({ fate, how: words, why, candidate }) => h("span", null, `${words}: `,
  h("span", { class: `fate ${fate}` }, FATES[fate] ?? fate, candidate !== null && ` as #${candidate}`), why ? ` (${why})` : "");

/** The same outcome once, with how often. */
const several = (ends) => {
  const counts = new Map();
  for (const end of ends) {
    const key = JSON.stringify(end);
    counts.set(key, [end, (counts.get(key)?.[1] ?? 0) + 1]);
  }
  return [...counts.values()].map(([end, many]) => (many > 1 ? h("span", null, fateView(end), ` × ${many}`) : fateView(end)));
};

const messages = (chat) => {
  if (!chat.read) return h("p", { class: "soft small" }, "What it read found no room in this page; journal.jsonl has it.");
  if (chat.read.length === 0) return h("p", { class: "soft small" }, "The journal does not say what it read.");
  return h("details", null, h("summary", null, "What it read"), turns(chat.read, "What it read"));
};

const askedView = (asked) => {
  const title = `${asked.operator} on ${asked.module}` + (asked.reflector ? `, asked of ${asked.reflector}` : ", no model asked") + (asked.again ? ", for the second time" : "");
  const several = asked.chats.length > 1;
  return h("div", null,
    h("h4", null, asked.proposal === null ? `What was wrong? (${title})` : `Proposal ${asked.proposal}: ${title}`),
    asked.leftOut > 0 && h("p", { class: "small" }, `${count(asked.leftOut, "rollout")} found no room in the reflector's context.`),
    asked.reflector && asked.chats.length === 0 && h("p", { class: "small" }, "The answer is awaited, or was never given."),
    asked.chats.map((chat, at) => h("div", null,
      several && h("div", { class: "soft small" }, `question ${at + 1} of ${asked.chats.length}`),
      messages(chat),
      chat.thought && h("details", null, h("summary", null, "What it thought"), h("pre", { tabindex: "0" }, chat.thought)),
      h("div", { class: "soft small" }, `What it wrote${chat.ended ? ` (${chat.ended})` : ""}`),
      h("pre", { tabindex: "0", role: "region", "aria-label": "What it wrote" }, chat.wrote || "(nothing)"))),
    asked.sentences.length > 0 && [h("div", { class: "soft small" }, "What was taken from it"), h("ul", null, asked.sentences.map((words) => h("li", null, words)))],
    asked.unusable && h("p", null, h("span", { class: "fate unusable" }, "Nothing to try: "), asked.unusable.reason,
      asked.unusable.text && asked.chats.length === 0 ? `. ${asked.unusable.text}` : ""));
};

const proposalView = (iteration, proposal) => {
  const parent = run.candidates[proposal.parent];
  const before = (module) => (parent?.instructions.find(([name]) => name === module) ?? ["", ""])[1];
  const changed = proposal.instructions.filter(([module, text]) => text !== before(module));
  return h("div", null,
    h("h4", null, iteration.merge ? "What was merged" : `Proposal ${proposal.number}, changed from #${proposal.parent}`),
    h("p", null, fateView({ fate: proposal.fate, how: how(iteration, proposal), why: proposal.why, candidate: null }), proposal.fate === "rejected" ? "." : "",
      proposal.candidate !== null && [" ", h("a", { href: `#candidate-${proposal.candidate}` }, `candidate #${proposal.candidate}`)],
      proposal.run !== null && [" ", h("a", { href: `#rollouts-${proposal.run}-${iteration.merge ? 1 : 0}` }, "its rollouts")]),
    changed.map(([module, text]) => [h("div", { class: "soft small" }, `${module}: what is new`), differenceView(before(module), text, `What is new in ${module}`)]),
    changed.length === 0 && h("p", { class: "small soft" }, "The words of the instructions are the same."),
    proposal.demonstrations.map(([module, ids]) => h("p", { class: "small" }, `${module} shows ${count(ids.length, "worked example")}: ${ids.join(", ")}.`)));
};

const iterationView = (iteration) => {
  const ends = outcomes(iteration);
  const body = h("div");
  const fill = once(() => {
    const parent = run.candidates[iteration.parents[0]];
    const split = iteration.merge ? 1 : 0;
    refill(body,
      h("p", { class: "small" }, iteration.merge
        ? `Merged #${iteration.parents.join(" and #")} over their common ancestor #${iteration.merge.ancestor}; tried on the validation examples ${iteration.examples.join(", ")}.`
        : [`On the training examples ${iteration.examples.join(", ")}. `, parent?.run !== null && parent?.run !== undefined && h("a", { href: `#rollouts-${parent.run}-${split}` }, "What the parent answered")]),
      iteration.perfect.length > 0 && h("p", null, `${iteration.perfect.map((place) => `#${place}`).join(", ")} perfect on these examples: nothing to learn from.`),
      iteration.asked.map(askedView),
      iteration.merge && proposalView(iteration, iteration.merge),
      iteration.proposals.map((proposal) => proposalView(iteration, proposal)));
    return true;
  });
  const summary = h("summary", null, h("strong", null, `Iteration ${iteration.number}`),
    h("span", { class: "soft" }, `from ${iteration.parents.map((place) => `#${place}`).join(", ")}`),
    several(ends), ends.length === 0 && h("span", { class: "soft" }, iteration.perfect.length > 0 ? "perfect on its minibatch" : "under way"));
  const details = h("details", { class: "iteration", id: `iteration-${iteration.number}`, ontoggle: () => details.open && fill() }, summary, body);
  return { details, ends };
};

const reflectionsSection = () => {
  const list = h("div", null, h("p", { class: "soft" }, "Unpacking…"));
  const filters = h("div", { class: "row" });
  iterations().then((all) => {
    if (all.length === 0) return refill(list, h("p", null, "No iteration has begun yet."));
    const views = all.map(iterationView);
    const shown = h("span", { class: "soft small", role: "status" });
    let [fate, operator] = ["", ""];
    const filter = () => {
      let visibleCount = 0;
      for (const { details, ends } of views) {
        const fits = (fate === "" && operator === "") || ends.some((end) => (fate === "" || end.fate === fate) && (operator === "" || end.how.split(", ").includes(operator)));
        details.hidden = !fits;
        visibleCount += fits ? 1 : 0;
      }
      refill(shown, `${visibleCount} of ${count(all.length, "iteration")}`);
    };
    const fates = [...new Set(views.flatMap(({ ends }) => ends.map((end) => end.fate)))];
    const operators = [...new Set(views.flatMap(({ ends }) => ends.flatMap((end) => end.how.split(", "))))].sort();
    refill(filters,
      choice("what became of it", [["", "anything"], ...fates.map((value) => [value, FATES[value] ?? value])], "", (value) => { fate = value; filter(); })[0],
      choice("how it was changed", [["", "anyhow"], ...operators.map((value) => [value, value])], "", (value) => { operator = value; filter(); })[0], shown);
    filter();
    return refill(list, views.map(({ details }) => details));
  }).catch((error) => refill(list, h("p", { class: "note" }, `Cannot be shown: ${error.message}`)));
  return section("reflections", "Every reflection",
    h("p", { class: "soft" }, "What the reflector read, what it wrote, what became of it and why. An iteration opens with Enter or a click."), filters, list);
};
