// The iterations: what each reflector read and wrote, and what became of it.

const FATES = {
  open: "under way", tried: "tried", rejected: "rejected", passed_over: "passed over", partial: "kept as a parent, validated in part", accepted: "accepted",
  unusable: "nothing to try",
};

/** Returns what became of the attempts of an iteration, for its summary line and for the filters. */
const outcomes = (iteration) => {
  const proposals = iteration.merge ? [iteration.merge] : iteration.proposals;
  const tried = proposals.map((proposal) => ({ fate: proposal.fate, how: how(iteration, proposal), why: proposal.why, candidate: proposal.candidate }));
  const failed = iteration.asked.filter((asked) => asked.unusable)
    .map((asked) => ({ fate: "unusable", how: asked.operator, why: asked.unusable.reason, candidate: null }));
  return [...tried, ...failed];
};

const how = (iteration, proposal) =>
  (iteration.merge ? "merge" : [...new Set(proposal.operators.map(([, operator]) => operator))].join(", ") || "change");

const fateView = ({ fate, how: words, why, candidate }) => h("span", null, `${words}: `,
  h("span", { class: `fate ${fate}` }, FATES[fate] ?? fate, candidate !== null && ` as #${candidate}`), why ? ` (${why})` : "");

/** Returns each distinct outcome once, with the number of times it occurred. */
const countedOutcomes = (ends) => {
  const counts = new Map();
  for (const end of ends) {
    const key = JSON.stringify(end);
    counts.set(key, [end, (counts.get(key)?.[1] ?? 0) + 1]);
  }
  return [...counts.values()].map(([end, times]) => (times > 1 ? h("span", null, fateView(end), ` × ${times}`) : fateView(end)));
};

const promptView = (chat) => {
  if (!chat.prompt) return h("p", { class: "soft small" }, "The prompt is not in this page, because it would be too large; journal.jsonl has it.");
  if (chat.prompt.length === 0) return h("p", { class: "soft small" }, "The journal does not have the prompt.");
  return h("details", null, h("summary", null, "The prompt"), messagesView(chat.prompt, "The prompt"));
};

const askedView = (asked) => {
  const title = `${asked.operator} on ${asked.module}` + (asked.reflector ? `, by ${asked.reflector}` : ", without a model") + (asked.again ? ", second attempt" : "");
  const hasSeveral = asked.chats.length > 1;
  return h("div", null,
    h("h4", null, asked.proposal === null ? `Diagnosis (${title})` : `Proposal ${asked.proposal}: ${title}`),
    asked.leftOut > 0 && h("p", { class: "small" }, `${count(asked.leftOut, "rollout")} did not fit into the reflector's context.`),
    asked.reflector && asked.chats.length === 0 && h("p", { class: "small" }, "There is no answer yet, or the run was interrupted before it."),
    asked.chats.map((chat, index) => h("div", null,
      hasSeveral && h("div", { class: "soft small" }, `request ${index + 1} of ${asked.chats.length}`),
      promptView(chat),
      chat.reasoning && h("details", null, h("summary", null, "The reasoning"), h("pre", { tabindex: "0" }, chat.reasoning)),
      h("div", { class: "soft small" }, `The answer${chat.ended ? ` (${chat.ended})` : ""}`),
      h("pre", { tabindex: "0", role: "region", "aria-label": "The answer" }, chat.answer || "(nothing)"))),
    asked.sentences.length > 0 && [h("div", { class: "soft small" }, "Sentences that were taken from it"), h("ul", null, asked.sentences.map((words) => h("li", null, words)))],
    asked.unusable && h("p", null, h("span", { class: "fate unusable" }, "Nothing to try: "), asked.unusable.reason,
      asked.unusable.text && asked.chats.length === 0 ? `. ${asked.unusable.text}` : ""));
};

const proposalView = (iteration, proposal) => {
  const parent = run.candidates[proposal.parent];
  const before = (module) => (parent?.instructions.find(([name]) => name === module) ?? ["", ""])[1];
  const changed = proposal.instructions.filter(([module, text]) => text !== before(module));
  return h("div", null,
    h("h4", null, iteration.merge ? "The merged candidate" : `Proposal ${proposal.number}, changed from #${proposal.parent}`),
    h("p", null, fateView({ fate: proposal.fate, how: how(iteration, proposal), why: proposal.why, candidate: null }), proposal.fate === "rejected" ? "." : "",
      proposal.candidate !== null && [" ", h("a", { href: `#candidate-${proposal.candidate}` }, `candidate #${proposal.candidate}`)],
      proposal.run !== null && [" ", h("a", { href: `#rollouts-${proposal.run}-${iteration.merge ? 1 : 0}` }, "its rollouts")]),
    changed.map(([module, text]) => [h("div", { class: "soft small" }, `${module}: changes`), differenceView(before(module), text, `Changes in ${module}`)]),
    changed.length === 0 && h("p", { class: "small soft" }, "The instructions are the same."),
    proposal.demonstrations.map(([module, ids]) => h("p", { class: "small" }, `${module} has ${count(ids.length, "demonstration")}: ${ids.join(", ")}.`)));
};

const iterationView = (iteration) => {
  const ends = outcomes(iteration);
  const body = h("div");
  const fill = once(() => {
    const parent = run.candidates[iteration.parents[0]];
    const split = iteration.merge ? 1 : 0;
    refill(body,
      h("p", { class: "small" }, iteration.merge
        ? `Merged #${iteration.parents.join(" and #")}, with the common ancestor #${iteration.merge.ancestor}; tried on the validation examples ${iteration.examples.join(", ")}.`
        : [`On the training examples ${iteration.examples.join(", ")}. `, parent?.run !== null && parent?.run !== undefined && h("a", { href: `#rollouts-${parent.run}-${split}` }, "The parent's rollouts")]),
      iteration.perfect.length > 0 && h("p", null, `${iteration.perfect.map((poolIndex) => `#${poolIndex}`).join(", ")} scored 1 on all of these examples, so there was nothing to learn from them.`),
      iteration.asked.map(askedView),
      iteration.merge && proposalView(iteration, iteration.merge),
      iteration.proposals.map((proposal) => proposalView(iteration, proposal)));
    return true;
  });
  const summary = h("summary", null, h("strong", null, `Iteration ${iteration.number}`),
    h("span", { class: "soft" }, `from ${iteration.parents.map((poolIndex) => `#${poolIndex}`).join(", ")}`),
    countedOutcomes(ends), ends.length === 0 && h("span", { class: "soft" }, iteration.perfect.length > 0 ? "perfect on its minibatch" : "under way"));
  const details = h("details", { class: "iteration", id: `iteration-${iteration.number}`, ontoggle: () => details.open && fill() }, summary, body);
  return { details, ends };
};

const reflectionsSection = () => {
  const list = h("div", null, h("p", { class: "soft" }, "Decompressing…"));
  const filters = h("div", { class: "row" });
  iterations().then((all) => {
    if (all.length === 0) return refill(list, h("p", null, "No iteration has begun yet."));
    const views = all.map(iterationView);
    const status = h("span", { class: "soft small", role: "status" });
    let [fate, operator] = ["", ""];
    const filter = () => {
      let shownCount = 0;
      for (const { details, ends } of views) {
        const fits = (fate === "" && operator === "") || ends.some((end) => (fate === "" || end.fate === fate) && (operator === "" || end.how.split(", ").includes(operator)));
        details.hidden = !fits;
        shownCount += fits ? 1 : 0;
      }
      refill(status, `${shownCount} of ${count(all.length, "iteration")}`);
    };
    const fates = [...new Set(views.flatMap(({ ends }) => ends.map((end) => end.fate)))];
    const operators = [...new Set(views.flatMap(({ ends }) => ends.flatMap((end) => end.how.split(", "))))].sort();
    refill(filters,
      choice("outcome", [["", "any"], ...fates.map((value) => [value, FATES[value] ?? value])], "", (value) => { fate = value; filter(); }),
      choice("operator", [["", "any"], ...operators.map((value) => [value, value])], "", (value) => { operator = value; filter(); }), status);
    filter();
    return refill(list, views.map(({ details }) => details));
  }).catch((error) => refill(list, h("p", { class: "note" }, `The iterations cannot be shown: ${error.message}`)));
  return section("reflections", "Iterations and reflections",
    h("p", { class: "soft" }, "What the reflector read and wrote, what became of it, and why. Enter or a click opens an iteration."), filters, list);
};
