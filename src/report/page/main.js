// Puts the sections together and follows links within the page.

const page = () => {
  header();
  const rollouts = rolloutsSection();
  const openTrace = (runIndex, split, example) => {
    nearRollouts.disconnect();
    rollouts.show(runIndex, split, example);
    rollouts.section.scrollIntoView();
    rollouts.section.querySelector("[role=listbox]").focus({ preventScroll: true });
  };
  const [family, showCandidate] = familySection();
  const main = document.getElementById("main");
  const sections = [
    ["result", "Result", resultSection()], ["family", "Family tree", family], ["pareto", "Scores by example", heatmapSection(openTrace)],
    ["progress", "Score", progressSection()], ["reflections", "Iterations", reflectionsSection()], ["rollouts", "Rollouts", rollouts.section],
    ["time", "Time", spendingSection()], ["plan", "Fingerprint", planSection()],
  ];
  refill(main, sections.map(([, , whole]) => whole));
  main.before(h("nav", { "aria-label": "Sections" }, h("ul", null, sections.map(([id, name]) => h("li", null, h("a", { href: `#${id}` }, name))))));
  if (run.candidates.length > 0) showCandidate(run.outcome.best ?? 0);

  // Traces are decompressed when the reader scrolls near their section.
  const nearRollouts = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    nearRollouts.disconnect();
    rollouts.fill();
  }, { rootMargin: "600px" });
  nearRollouts.observe(rollouts.section);

  const followLink = async () => {
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
  addEventListener("hashchange", followLink);
  // A link to the current address causes no `hashchange`, but the page may show something else by now.
  addEventListener("click", (event) => {
    if (event.target.closest?.("a[href^='#']")?.getAttribute("href") === location.hash) followLink();
  });
  if (location.hash) followLink();
  document.documentElement.dataset.ready = "true";
};
page();
