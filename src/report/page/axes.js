// The axes of a chart of scores.

/** Returns about `most` numbers from 0 to `top`, a round step apart. */
const ticks = (top, most) => {
  const raw = top / most || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw);
  return Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, index) => index * step);
};

/** Returns the width of a chart in pixels. It follows the window, so that the labels are readable on a narrow screen. */
const chartWidth = () => Math.max(320, Math.min(920, innerWidth - 40));

/** Returns a vertical axis for scores from `low` to `high` and a horizontal one from 0 to `end`, which `name` describes. */
const axes = ({ width, height, left, right, bottom, x, y, low, high, end, label, name }) => [
  ticks(high - low, 5).map((step) => low + step).map((value) => [
    svg("line", { class: "axis", x1: left, x2: width - right, y1: y(value), y2: y(value) }),
    svg("text", { class: "tick", x: left - 8, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(2)),
  ]),
  ticks(end, Math.min(7, width / 120)).map((value) => svg("text", { class: "tick", x: x(value), y: height - bottom + 18, "text-anchor": "middle" }, label(value))),
  svg("text", { class: "tick", x: width - right, y: height - 4, "text-anchor": "end" }, name),
];
