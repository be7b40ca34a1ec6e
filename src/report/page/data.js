// The data of the run: one block of JSON that is read at once, and packs that are decompressed when they are needed.

const run = JSON.parse(document.getElementById("run").textContent);
const packs = JSON.parse(document.getElementById("packs").textContent);
const SPLITS = ["train", "validation", "test"];

/** The most packs of rollouts that are kept in memory. */
const MOST_KEPT = 12;

const unpack = async (base64) => {
  if (typeof DecompressionStream === "undefined") throw new Error("this browser is too old to decompress traces; use one of 2023 or later");
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
};

/** Returns a function that calls `work` once and then returns the same result. */
const once = (work) => {
  let result = null;
  return () => (result ??= work());
};

const common = once(() => unpack(packs.common));

/** Returns the content of a pack, and a function from the number of a text to the text. */
const opened = async (base64) => {
  const [shared, pack] = await Promise.all([common(), unpack(base64)]);
  return [pack.content, (number) => (number === null ? null : number < packs.count ? shared[number] : pack.texts[number - packs.count])];
};

const iterations = once(async () => {
  const [list, text] = await opened(packs.iterations);
  for (const iteration of list) {
    for (const asked of iteration.asked) {
      asked.unusable &&= { reason: asked.unusable[0], text: text(asked.unusable[1]) };
      for (const chat of asked.chats) {
        chat.prompt = chat.prompt && chat.prompt.map(([role, number]) => ({ role, content: text(number) }));
        chat.reasoning = text(chat.reasoning);
        chat.answer = text(chat.answer);
      }
    }
  }
  return list;
});

const keptRollouts = new Map();

/** Returns the rollouts of the candidate at an index of `run.runs`; null if their traces are not in the page. */
const rolloutsOf = (runIndex) => {
  if (runIndex === null || runIndex === undefined || !packs.runs[runIndex]) return Promise.resolve(null);
  if (!keptRollouts.has(runIndex)) {
    keptRollouts.set(runIndex, opened(packs.runs[runIndex]).then(([list, text]) => {
      const pairs = (numbers) => numbers.map(([name, value]) => [text(name), text(value)]);
      return list.map(([split, example, value, feedback, modules, objectives, failure, steps]) => ({
        split, example, score: value, feedback: text(feedback), modules: pairs(modules),
        objectives: objectives.map(([name, part]) => [text(name), part]), failure: text(failure),
        steps: steps.map(([module, inputs, answer, ended, outputs, problem, retrieved, tokens, seconds]) => ({
          module: text(module), inputs: pairs(inputs), answer: text(answer), ended: text(ended), outputs: pairs(outputs),
          problem: text(problem), retrieved: retrieved.map(text), tokens, seconds,
        })),
      }));
    }));
    if (keptRollouts.size > MOST_KEPT) keptRollouts.delete(keptRollouts.keys().next().value);
  }
  return keptRollouts.get(runIndex);
};

/** Returns the name of the candidate at an index of `run.runs`. */
const nameOf = (runIndex) => {
  const who = run.runs[runIndex][0];
  if (who === "unknown") return run.finished ? `attempt ${runIndex}` : "being tried";
  if ("candidate" in who) return `#${who.candidate}${who.candidate === 0 ? " (seed)" : ""}`;
  if ("proposal" in who) return `iteration ${who.proposal[0]}, proposal ${who.proposal[1]} (not kept)`;
  return `iteration ${who.merge}, merge (not kept)`;
};

/** Returns for each validation example the best score of all candidates, and the pool indices of those that have it. If the best
 * score is 0, no candidate counts as best. */
const winners = once(() => {
  const examples = Math.max(0, ...run.candidates.map((candidate) => candidate.scores.length));
  return Array.from({ length: examples }, (_, example) => {
    const best = Math.max(0, ...run.candidates.map((candidate) => candidate.scores[example] ?? 0));
    const who = run.candidates.flatMap((candidate, poolIndex) => (best > 0 && candidate.scores[example] === best ? [poolIndex] : []));
    return { best, who };
  });
});
