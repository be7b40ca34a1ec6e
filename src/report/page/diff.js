// The difference of two texts, word by word.

/** The most cells of the table that finds the difference. Longer texts are compared line by line. */
const MOST_CELLS = 4e6;

/** Returns the difference as pieces `[kind, text]`. A piece of kind 0 is in both texts, -1 was removed, 1 was added. */
const difference = (before, after) => {
  const split = (pattern) => [before.match(pattern) ?? [], after.match(pattern) ?? []];
  let [a, b] = split(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu);
  if (a.length * b.length > MOST_CELLS) [a, b] = split(/[^\n]*\n|[^\n]+/g);
  if (a.length * b.length > MOST_CELLS) return [[-1, before], [1, after]];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  // The longest common subsequence, in which a word counts more than white space.
  const weights = left.map((token) => (/\S/.test(token) ? 3 : 1));
  const width = right.length + 1;
  const longest = new Uint16Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i -= 1) {
    for (let j = right.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] = left[i] === right[j]
        ? longest[(i + 1) * width + j + 1] + weights[i]
        : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const pieces = [];
  const add = (kind, text) => {
    if (text === "") return;
    const last = pieces[pieces.length - 1];
    if (last && last[0] === kind) last[1] += text;
    else pieces.push([kind, text]);
  };
  add(0, a.slice(0, start).join(""));
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) { add(0, left[i]); i += 1; j += 1; }
    else if (j === right.length || (i < left.length && longest[(i + 1) * width + j] >= longest[i * width + j + 1])) { add(-1, left[i]); i += 1; }
    else { add(1, right[j]); j += 1; }
  }
  add(0, a.slice(a.length - end).join(""));
  return joined(pieces);
};

/** Joins pieces for reading: removed text comes before added text, and white space between two changes belongs to both. */
const joined = (pieces) => {
  const whole = [];
  let [removed, added] = ["", ""];
  const close = () => {
    if (removed) whole.push([-1, removed]);
    if (added) whole.push([1, added]);
    [removed, added] = ["", ""];
  };
  pieces.forEach(([kind, text], index) => {
    const isGap = kind === 0 && !/\S/.test(text) && (removed || added) && index + 1 < pieces.length;
    if (kind === 0 && !isGap) {
      close();
      whole.push([0, text]);
      return;
    }
    if (kind <= 0) removed += text;
    if (kind >= 0) added += text;
  });
  close();
  return whole;
};

/** Returns a view of the difference of two texts. Removed text is in `del` and added text in `ins`, which screen readers announce. */
const differenceView = (before, after, label) => {
  if (before === after) return h("p", { class: "soft" }, "The text is the same.");
  const elements = { "-1": "del", 0: "span", 1: "ins" };
  return h("pre", { class: "diff", tabindex: "0", role: "region", "aria-label": label },
    difference(before, after).map(([kind, text]) => h(elements[kind], null, text)));
};
