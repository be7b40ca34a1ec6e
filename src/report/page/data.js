// The run: what stands in the page, and what is unpacked when it is looked at.

const run = JSON.parse(document.getElementById("run").textContent);
const packs = JSON.parse(document.getElementById("packs").textContent);
const SPLITS = ["train", "validation", "test"];

const unpack = async (base64) => {
  if (typeof DecompressionStream === "undefined") throw new Error("this browser is too old to unpack traces; use one of 2023 or later");
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
};

/** A function that does its work once. */
const once = (work) => {
  let answer = null;
  return () => (answer ??= work());
};

const common = once(() => unpack(packs.common));

/** A pack, with a function from the number of a text to the text. */
const opened = async (base64) => {
  const [shared, pack] = await Promise.all([common(), unpack(base64)]);
  return [pack.of, (at) => (at === null ? null : at < packs.count ? shared[at] : pack.texts[at - packs.count])];
};

const iterations = once(async () => {
  const [list, text] = await opened(packs.iterations);
  for (const iteration of list) {
    for (const asked of iteration.asked) {
      asked.unusable &&= { reason: asked.unusable[0], text: text(asked.unusable[1]) };
      for (const chat of asked.chats) {
        chat.read = chat.read && chat.read.map(([role, at]) => ({ role, content: text(at) }));
        chat.thought = text(chat.thought);
        chat.wrote = text(chat.wrote);
      }
    }
  }
  return list;
});

const kept = new Map();

/** The rollouts at a place of `run.runs`; null where their traces found no room in the page. */
const rolloutsOf = (place) => {
  if (place === null || place === undefined || !packs.runs[place]) return Promise.resolve(null);
  if (!kept.has(place)) {
    kept.set(place, opened(packs.runs[place]).then(([list, text]) => {
      const pairs = (of) => of.map(([name, value]) => [text(name), text(value)]);
      return list.map(([split, example, value, feedback, modules, objectives, failure, steps]) => ({
        split, example, score: value, feedback: text(feedback), modules: pairs(modules),
        objectives: objectives.map(([name, part]) => [text(name), part]), failure: text(failure),
        steps: steps.map(([module, inputs, answer, ended, outputs, problem, retrieved, tokens, seconds]) => ({
          module: text(module), inputs: pairs(inputs), answer: text(answer), ended: text(ended), outputs: pairs(outputs),
          problem: text(problem), retrieved: retrieved.map(text), tokens, seconds,
        })),
      }));
    }));
    // The last few are kept in memory.
    if (kept.size > 12) kept.delete(kept.keys().next().value);
  }
  return kept.get(place);
};

/** Whose rollouts stand at a place of `run.runs`, in words. */
const nameOf = (place) => {
  const who = run.runs[place][0];
  if (who === "unknown") return run.finished ? `attempt ${place}` : "being tried";
  if ("candidate" in who) return `#${who.candidate}${who.candidate === 0 ? " (seed)" : ""}`;
  if ("proposal" in who) return `iteration ${who.proposal[0]}, proposal ${who.proposal[1]} (not kept)`;
  return `iteration ${who.merge}, merge (not kept)`;
};

/** On each validation example the best score of all candidates, and who has it; nobody where it is 0. */
const winners = once(() => {
  const examples = Math.max(0, ...run.candidates.map((candidate) => candidate.scores.length));
  return Array.from({ length: examples }, (_, at) => {
    const best = Math.max(0, ...run.candidates.map((candidate) => candidate.scores[at] ?? 0));
    const who = run.candidates.flatMap((candidate, place) => (best > 0 && candidate.scores[at] === best ? [place] : []));
    return { best, who };
  });
});
