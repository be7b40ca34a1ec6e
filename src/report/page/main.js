// The page: its sections in order, and the way to each by a link.

const page = () => {
  header();
  const [rollouts, showRollouts, fillRollouts] = rolloutsSection();
  const openTrace = (place, split, example) => {
    near.disconnect();
    showRollouts(place, split, example);
    rollouts.scrollIntoView();
    rollouts.querySelector("[role=listbox]").focus({ preventScroll: true });
  };
  const [family, showCandidate] = familySection();
  const main = document.getElementById("main");
  const sections = [
    ["result", "Result", resultSection()], ["family", "Family", family], ["pareto", "Who wins where", heatmapSection(openTrace)],
    ["progress", "Score", progressSection()], ["reflections", "Reflections", reflectionsSection()], ["rollouts", "Rollouts", rollouts],
    ["time", "Time", spendingSection()], ["plan", "Plan", planSection()],
  ];
  refill(main, sections.map(([, , whole]) => whole));
  main.before(h("nav", { "aria-label": "Sections" }, h("ul", null, sections.map(([id, name]) => h("li", null, h("a", { href: `#${id}` }, name))))));
  if (run.candidates.length > 0) showCandidate(run.outcome.best ?? 0);

  // Traces are unpacked when their section comes near.
  const near = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    near.disconnect();
    fillRollouts?.();
  }, { rootMargin: "600px" });
  near.observe(rollouts);

  const follow = async () => {
    const [kind, ...numbers] = location.hash.slice(1).split("-");
    const [first, split, example] = numbers.map(Number);
    if (kind === "candidate" && run.candidates[first]) {
      showCandidate(first);
      document.getElementById("candidate").scrollIntoView({ block: "nearest" });
      document.getElementById("candidate").focus({ preventScroll: true });
    } else if (kind === "iteration") {
      await iterations();
      const details = document.getElementById(`iteration-${first}`);
      if (!details) return;
      details.hidden = false;
      details.open = true;
      details.scrollIntoView();
      details.firstElementChild.focus({ preventScroll: true });
    } else if (kind === "rollouts" && run.runs[first]) {
      openTrace(first, split, example);
    }
  };
  addEventListener("hashchange", follow);
  // A link to where the address is already changes nothing, but what is shown may have changed since.
  addEventListener("click", (event) => {
    if (event.target.closest?.("a[href^='#']")?.getAttribute("href") === location.hash) follow();
  });
  if (location.hash) follow();
  document.documentElement.dataset.ready = "true";
};
page();
