/* <attention-lab>: attention in a page, whose every number the reader may change.
 *
 * It starts from the JSON that the build wrote into it, and takes the place of the table and the
 * heatmap that stand there for readers without scripts. `state` reads and sets what it computes
 * with, `result` is what came out, `link` and `python` are what its buttons copy. What a reader
 * writes only ever becomes the data of text nodes and the value of inputs.
 */

const STEPS = ["scores", "weights", "contributions", "context"];
const WAYS = ["softmax", "sum"];
const MATRICES = ["w_query", "w_key", "w_value"];
const OPTIONS = {
  words: null,
  x: null,
  w_query: null,
  w_key: null,
  w_value: null,
  num_heads: 1,
  scale: false,
  causal: false,
  temperature: 1,
  normalization: "softmax",
  query: 0,
  step: "context",
  head: 0, // the one that is shown
};
const MOST = 64; // words, and columns
const MOST_TERMS = 16;
const GAP = 6; // before a number that a box is scrolled to, less than a cell's padding
// Four of these in a product, added up, over the smallest temperature, are a finite number still.
const LARGEST = 1e30;

// Numbers ------------------------------------------------------------------------------------

const range = (count) => [...Array(count).keys()];
const add = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
const times = (a, b) => a.map((number, index) => number * b[index]);

/* The one sum that is made thousands of times at each change. */
function dot(a, b) {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index] * b[index];
  return sum;
}

const column = (matrix, index) => matrix.map((row) => row[index]);
const sizes = (numbers) => numbers.map((number) => Math.abs(number) || 0);

/* Four decimals, fewer where many digits stand before the point; never a minus before zeros. */
function show(number, decimals = 4) {
  if (!Number.isFinite(number)) return "–";
  const size = Math.abs(number);
  const digits = size < 100 ? decimals : Math.max(0, decimals + 2 - `${Math.floor(size)}`.length);
  const text = size < 1e5 ? number.toFixed(digits) : number.toExponential(2).replace("e+", "e");
  return (Number(text) ? text : text.replace("-", "")).replaceAll("-", "−");
}

/* Read what someone typed: a number, or what is wrong with it. */
function read(typed, least = -LARGEST) {
  const text = typed.trim().replace("−", "-");
  const number = Number(text);
  if (!text) return { wrong: "A number is missing." };
  if (/^[-+]?\d*,\d+$/.test(text)) return { wrong: `Write a point: ${text.replace(",", ".")}.` };
  if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)) {
    return { wrong: "That is no number. Write digits, such as 0.25, -3 or 1e-3." };
  }
  if (Math.abs(number) > LARGEST) return { wrong: "Too large: products must not overflow at 1e308." };
  if (number < least) return { wrong: `Too small: the least is ${least}.` };
  const tiny = !number && /[1-9]/.test(text.split(/e/i)[0]);
  const remark = tiny ? "So small that it counts as 0." : /^-/.test(text) ? "−0 counts as 0." : "";
  return number ? { number } : { number: 0, remark };
}

// Attention ----------------------------------------------------------------------------------

function project(x, matrix) {
  if (!matrix) return x;
  const columns = range(matrix[0].length).map((c) => column(matrix, c));
  return x.map((row) => columns.map((other) => dot(row, other)));
}

/* Scores of one query become weights; null where nothing can be divided by their sum. */
function normalize(scores, { normalization, temperature }) {
  if (normalization === "sum") {
    const total = add(scores);
    const rounding = Number.EPSILON * add(sizes(scores));
    return Math.abs(total) <= rounding ? null : scores.map((score) => score / total);
  }
  const cooled = scores.map((score) => score / temperature);
  const largest = Math.max(...cooled);
  const powers = cooled.map((score) => Math.exp(score - largest));
  const total = add(powers);
  return powers.map((power) => power / total);
}

/* All steps of all queries in all heads. Under `causal` a row ends at the word that asks. */
function attend(state) {
  const { x, num_heads, scale, causal } = state;
  const [q, k, v] = MATRICES.map((name) => project(x, state[name]));
  const width = k[0].length / num_heads;
  const wide = v[0].length / num_heads;
  const factor = scale ? 1 / Math.sqrt(width) : 1;
  const heads = range(num_heads).map((h) => {
    const [queries, keys] = [q, k].map((rows) => rows.map((row) => row.slice(h * width, (h + 1) * width)));
    const scores = queries.map((query, i) =>
      (causal ? keys.slice(0, i + 1) : keys).map((key) => dot(query, key) * factor),
    );
    return { scores, weights: scores.map((row) => normalize(row, state)) };
  });
  const head = (c) => heads[Math.floor(c / wide)];
  const columns = v[0].map((_, c) => column(v, c));
  const context = x.map((_, i) =>
    heads.every(({ weights }) => weights[i])
      ? columns.map((values, c) => dot(head(c).weights[i], values))
      : null,
  );
  return { q, k, v, width, wide, factor, heads, head, columns, context };
}

/* What the lab tells whoever asks for its result: null stands for what is hidden or undefined. */
function summarize({ words, query }, { heads, wide, v, context }) {
  const filled = (row, rest) => words.map((_, j) => row[j] ?? rest);
  const part = (j, h) => v[j].slice(h * wide, (h + 1) * wide);
  return {
    scores: heads.map(({ scores }) => scores.map((row) => filled(row, null))),
    weights: heads.map(({ weights }) => weights.map((row) => row && filled(row, 0))),
    contributions: heads.map(({ weights }, h) => {
      const row = weights[query];
      return row && filled(row, 0).map((alpha, j) => part(j, h).map((number) => alpha * number));
    }),
    context,
  };
}

// States -------------------------------------------------------------------------------------

function demand(condition, message) {
  if (!condition) throw new RangeError(message);
}

function checkedMatrix(name, matrix, rows) {
  demand(Array.isArray(matrix) && matrix.length === rows, `${name} must have ${rows} rows`);
  const width = matrix[0]?.length;
  demand(width >= 1 && width <= MOST, `${name} must have 1 to ${MOST} columns`);
  return matrix.map((row) => {
    demand(Array.isArray(row) && row.length === width, `rows of ${name} must be equally long`);
    const fits = row.every((number) => Number.isFinite(number) && Math.abs(number) <= LARGEST);
    demand(fits, `${name} must hold numbers, of at most 1e30 in size`);
    return row.map((number) => number + 0);
  });
}

const isWord = (word) => typeof word === "string" && !/[\p{Cc}\p{Cs}]/u.test(word);

/* Check a state of whatever origin, fill in what it leaves out, and return a copy of it. */
function checked(given) {
  const state = { ...OPTIONS, ...given };
  const { words, query, head, num_heads, temperature } = state;
  const count = words?.length;
  demand(Array.isArray(words) && count >= 1 && count <= MOST, `there must be 1 to ${MOST} words`);
  demand(words.every(isWord), "words must be printable text");
  state.words = [...words];
  state.x = checkedMatrix("x", state.x, count);
  const width = state.x[0].length;
  const [q, k, v] = MATRICES.map((name) => {
    state[name] = state[name] ? checkedMatrix(name, state[name], width) : null;
    return state[name]?.[0].length ?? width;
  });
  demand(q === k, `queries and keys must have one width, not ${q} and ${k}`);
  const index = (number, end) => Number.isInteger(number) && number >= 0 && number < end;
  demand(index(num_heads - 1, MOST), "there must be 1 head or more");
  const divides = k % num_heads === 0 && v % num_heads === 0;
  demand(divides, `the number of heads, ${num_heads}, must divide the widths ${k} and ${v}`);
  demand(index(query, count), `the query must be from 0 to ${count - 1}`);
  demand(index(head, num_heads), `the head must be from 0 to ${num_heads - 1}`);
  const warm = temperature >= 1 / LARGEST && temperature <= LARGEST;
  demand(warm, "the temperature must be from 1e-30 to 1e30");
  const choices = { normalization: WAYS, step: STEPS };
  for (const name of ["scale", "causal"]) choices[name] = [false, true];
  for (const [name, known] of Object.entries(choices)) {
    demand(known.includes(state[name]), `${name} must be ${known.join(" or ")}`);
  }
  return state;
}

/* A link holds which lab it means, its version, and what differs from the options above. */
function encode(state) {
  const text = (part) => {
    if (Array.isArray(part)) return part.map(text).join(",");
    return typeof part === "string" ? escaped(part) : Number(part);
  };
  const names = Object.keys(OPTIONS).filter((name) => state[name] !== OPTIONS[name]);
  return ["v=1", ...names.map((name) => `${name}=${text(state[name])}`)].join("&");
}

/* More than usual, since some of these mean something where links are pasted. */
function escaped(word) {
  const code = (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(word).replace(/[!'()*~_]/g, code);
}

function decode(text) {
  const [version, ...parts] = text.split("&");
  demand(version === "v=1", "it is of a version that is unknown here");
  const state = {};
  for (const part of parts) {
    const [name, value, ...more] = part.split("=");
    const fresh = Object.hasOwn(OPTIONS, name) && !Object.hasOwn(state, name);
    demand(fresh && value !== undefined && !more.length, "it has a part without a meaning");
    state[name] = decoded(name, value);
  }
  demand(state.words && state.x, "it has no words or no vectors");
  state.x = folded(state.x, state.words.length);
  for (const name of MATRICES) if (state[name]) state[name] = folded(state[name], state.x[0].length);
  return checked(state);
}

function decoded(name, value) {
  if (name === "words") return value.split(",").map(decodeURIComponent);
  if (typeof OPTIONS[name] === "string") return value;
  const numbers = value.split(",").map((part) => read(part).number);
  demand(!numbers.includes(undefined), "it has something else where a number belongs");
  if (typeof OPTIONS[name] === "boolean") return [false, true][numbers[0]];
  return typeof OPTIONS[name] === "number" ? numbers[0] : numbers;
}

function folded(flat, rows) {
  const width = flat.length / rows;
  demand(Number.isInteger(width), "its numbers do not fill their rows");
  return range(rows).map((row) => flat.slice(row * width, (row + 1) * width));
}

/* The same computation in Python. */
function python(state) {
  const { words, causal, num_heads, temperature, normalization, scale, query } = state;
  const sum = normalization === "sum";
  const weigh = sum ? "sum_normalize" : "softmax";
  const names = [...(causal ? ["causal_mask"] : []), "context", "similarity", weigh];
  const tensor = (name) => {
    const rows = state[name].map((row) => `[${row.join(", ")}]`).join(",\n     ");
    return `${name} = torch.tensor(\n    [${rows}],\n    dtype=torch.float64,\n)`;
  };
  const cooled = sum || temperature === 1 ? "scores" : `(scores / ${temperature})`;
  const hidden = causal ? `.masked_fill(later, ${sum ? 0 : "-torch.inf"})` : "";
  return [
    "import torch",
    `from selfattn import ${names.join(", ")}`,
    "",
    `words = [${words.map((word) => JSON.stringify(word)).join(", ")}]`,
    ...["x", ...MATRICES].filter((name) => state[name]).map(tensor),
    `q, k, v = ${MATRICES.map((name) => (state[name] ? `x @ ${name}` : "x")).join(", ")}`,
    num_heads > 1 && `q, k, v = (torch.stack(y.chunk(${num_heads}, dim=-1)) for y in (q, k, v))`,
    `scores = similarity(q, k)${scale ? " / k.shape[-1] ** 0.5" : ""}`,
    causal && "later = ~causal_mask(len(words))",
    `weights = ${weigh}(${cooled}${hidden})`,
    `contributions = weights[..., ${query}, :, None] * v`,
    "z = context(weights, v)",
    num_heads > 1 && "z = torch.cat([*z], dim=-1)",
    `print(words[${query}], z[${query}])`,
    "",
  ]
    .filter((line) => line !== false)
    .join("\n");
}

// Explanations -------------------------------------------------------------------------------
//
// How one number was made: a formula, a caption, and its terms in columns, under a head of
// coordinates or of words. A point says which number: kind, query i, key j, coordinate c.

function explain(state, steps, point) {
  const { kind, i, j } = point;
  const { words, causal } = state;
  if (causal && j > i) {
    const caption = `“${words[j]}” comes later than “${words[i]}”, and is hidden from it`;
    return { formula: [under("α", i, j), sign("="), m("mn", "0")], caption, head: [], rows: [] };
  }
  const makers = { score, weight, part, context, q: projected, k: projected, v: projected };
  return condensed(makers[kind](state, steps, point));
}

/* Two rows of numbers, and their products. */
const multiplied = (names, a, b) => [[names[0], a], [`× ${names[1]}`, b], ["=", times(a, b)]];

function score({ words, scale, w_query, w_key, head }, { q, k, width, factor }, { i, j }) {
  const coordinates = range(width).map((c) => c + head * width);
  const [a, b] = [q[i], k[j]].map((row) => coordinates.map((c) => row[c]));
  const [query, key] = w_query || w_key ? ["q", "k"] : ["x", "x"];
  const product = m("mrow", under(query, i), sign("·"), under(key, j));
  const root = m("msqrt", m("mn", width));
  return {
    formula: [under("ω", i, j), sign("="), scale ? m("mfrac", product, root) : product],
    value: dot(a, b) * factor,
    caption: `Score of “${words[j]}” for “${words[i]}”`,
    sum: scale && `${show(dot(a, b))} ÷ √${width}`,
    head: ["coordinate", ...coordinates],
    rows: multiplied([words[i], words[j]], a, b),
  };
}

function weight({ words, temperature, normalization, head }, { heads }, { i, j }) {
  const row = heads[head].scores[i];
  const soft = normalization === "softmax";
  const cooled = row.map((number) => number / temperature);
  // The largest is taken off all, which changes no share, where its power is no number to read.
  const largest = Math.max(...cooled);
  const shift = Math.abs(largest) < 9 ? 0 : largest;
  const terms = soft ? cooled.map((number) => Math.exp(number - shift)) : row;
  const heat = () => (temperature === 1 ? [] : [sign("/"), letter("τ")]);
  const power = (index) => m("msup", letter("e"), m("mrow", under("ω", i, index), ...heat()));
  const term = soft ? power : (index) => under("ω", i, index);
  const off = shift && ` ${shift < 0 ? "+" : "−"} ${show(Math.abs(shift))}`;
  const name = `exp(score${temperature === 1 ? "" : ` ÷ ${temperature}`}${off || ""})`;
  return {
    formula: [under("α", i, j), sign("="), m("mfrac", term(j), m("mrow", summed("j"), term("j")))],
    value: heads[head].weights[i]?.[j],
    caption: `Weight of “${words[j]}” for “${words[i]}”`,
    sum: `${show(terms[j])} ÷ ${show(add(terms))}`,
    head: ["key", ...words.slice(0, row.length)],
    rows: [["score", row], ...(soft ? [[name, terms]] : [])],
    marked: j,
  };
}

function part({ words, w_value }, { head, wide, v }, { i, j, c }) {
  const alpha = head(c).weights[i]?.[j];
  const coordinates = range(wide).map((index) => index + c - (c % wide));
  const values = coordinates.map((index) => v[j][index]);
  const names = ["weight", `value of ${words[j]}`];
  return {
    formula: [under("α", i, j), under(w_value ? "v" : "x", j, c)],
    value: alpha * v[j][c],
    caption: `What “${words[i]}” takes from “${words[j]}”, coordinate ${c}`,
    sum: `${show(alpha)} × ${show(v[j][c])}`,
    head: ["coordinate", ...coordinates],
    rows: multiplied(names, values.map(() => alpha), values),
    marked: c % wide,
  };
}

function context({ words, w_value }, { head, columns }, { i, c }) {
  const { scores, weights } = head(c);
  const alphas = weights[i] ?? scores[i].map(() => NaN);
  const values = columns[c].slice(0, alphas.length);
  const terms = [summed("j"), under("α", i, "j"), under(w_value ? "v" : "x", "j", c)];
  return {
    formula: [under("z", i, c), sign("="), ...terms],
    value: dot(alphas, values),
    caption: `What “${words[i]}” becomes, coordinate ${c}`,
    head: ["key", ...words.slice(0, alphas.length)],
    rows: multiplied(["weight", `coordinate ${c}`], alphas, values),
  };
}

function projected(state, steps, { kind, i, c }) {
  const [role, name] = { q: ["Query", "w_query"], k: ["Key", "w_key"], v: ["Value", "w_value"] }[kind];
  const a = state.x[i];
  const b = state[name] ? column(state[name], c) : a.map((_, index) => Number(index === c));
  return {
    formula: [under(kind, i, c), sign("="), summed("m"), under("x", i, "m"), under("W", "m", c)],
    value: steps[kind][i][c],
    caption: `${role} of “${state.words[i]}”, coordinate ${c}`,
    head: ["coordinate", ...a.keys()],
    rows: multiplied([state.words[i], `column ${c}`], a, b),
  };
}

/* Of many terms the largest, in their order, and the sum of the others. */
function condensed({ head: [name, ...head], rows, marked, ...told }) {
  const places = head.map((_, place) => place);
  const last = sizes(rows.at(-1)[1]);
  const ranked = places.toSorted((a, b) => (b === marked) - (a === marked) || last[b] - last[a]);
  const kept = ranked.slice(0, head.length > MOST_TERMS ? MOST_TERMS - 1 : MOST_TERMS);
  const rest = places.filter((place) => !kept.includes(place));
  const pick = (list) => places.filter((place) => kept.includes(place)).map((place) => list[place]);
  const sum = (list) => add(rest.map((place) => list[place]));
  return {
    ...told,
    head: [name, ...pick(head), ...(rest.length ? [`${rest.length} others`] : [])],
    rows: rows.map(([title, list], row) => [
      title,
      ...pick(list).map((number) => show(number)),
      ...(rest.length ? [row === rows.length - 1 ? show(sum(list)) : ""] : []),
    ]),
    marked: pick(places).indexOf(marked),
  };
}

/* What a step asks and answers, around the word that asks; or why it has no good answer. */
function question({ step, normalization }, scores, weights) {
  const sum = add(scores);
  if (normalization === "sum" && step !== "scores") {
    if (!weights) return ["The scores of ", " sum to zero, and nothing can be divided by that."];
    if (sum < 0) return ["The scores of ", ` sum to ${show(sum)}, less than zero: it turns their order.`];
    if (Math.min(...scores) < 0) return ["A negative score gives ", " a negative weight: no share of anything."];
  }
  return {
    scores: ["How well does each word match ", "? Its key is multiplied with the query."],
    weights: ["How much does ", " listen to each word? The scores become shares of one."],
    contributions: ["What does ", " take from each word? The value of the word times its weight."],
    context: ["What does ", " become? The sum of all that it takes, column by column."],
  }[step];
}

/* The steps of one query as a table: cells with their text, looks, and the number they point at. */
function tabulate(state, steps) {
  const { words, query: i, head, step } = state;
  const { scores, weights } = steps.heads[head];
  const [row, alphas] = [scores[i], weights[i]];
  const bars = { scores: row, weights: alphas }[step] ?? [];
  const low = Math.min(0, ...bars);
  const reach = Math.max(0, ...bars) - low || 1;
  const share = (number) => ((number - low) / reach).toFixed(3);
  const bar = (number = 0) => ({
    look: "lab-bar",
    "--from": share(Math.min(0, number)),
    "--to": share(Math.max(0, number)),
  });
  const scored = (j) => ({
    text: j < row.length ? show(row[j]) : "hidden",
    point: { kind: "score", i, j },
    ...(step === "scores" && bar(row[j])),
  });
  const weighed = (j) => ({
    text: show(alphas ? (alphas[j] ?? 0) : NaN),
    point: { kind: "weight", i, j },
    ...(step === "weights" && bar(alphas?.[j])),
  });
  const total = { text: alphas ? show(add(alphas)) : "–" };
  const mixed = !bars.length && mix(state, steps);
  const mixing = mixed && ["weight", ...mixed.names];
  const [names, cells, sums] = {
    scores: [["score"], (j) => [scored(j)], []],
    weights: [["score", "weight"], (j) => [scored(j), weighed(j)], [{ text: "" }, total]],
    contributions: [mixing, (j) => [weighed(j), ...mixed.cells(j)], []],
    context: [mixing, (j) => [weighed(j), ...mixed.cells(j)], [total, ...(mixed.sums ?? [])]],
  }[step];
  return {
    names: ["key", ...names],
    lines: words.map((text, j) => [{ text }, ...cells(j)]),
    seen: row.length,
    sums: [{ text: sums.length ? "sum" : "" }, ...names.map((_, place) => sums[place] ?? { text: "" })],
  };
}

/* The contributions to a query, with the heads side by side as in the result. */
function mix({ query: i, head: shown }, { heads, head, v, context: z }) {
  const alpha = (j, c) => (head(c).weights[i] ? (head(c).weights[i][j] ?? 0) : NaN);
  const products = v.map((row, j) => row.map((number, c) => alpha(j, c) * number));
  const most = Math.max(...products.flatMap(sizes)) || 1;
  const other = (c) => (head(c) === heads[shown] ? "" : " lab-other");
  return {
    names: [...v[0].keys()],
    cells: (j) =>
      products[j].map((number, c) => ({
        text: show(number),
        point: { kind: "part", i, j, c },
        look: `lab-heat${other(c)}`,
        "--share": (Math.abs(number) / most || 0).toFixed(3),
      })),
    sums: v[0].map((_, c) => ({
      text: show(z[i]?.[c]),
      point: { kind: "context", i, c },
      look: `lab-sum${other(c)}`,
    })),
  };
}

// Elements -----------------------------------------------------------------------------------

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else mark(node, name, value);
  }
  node.append(...children);
  return node;
}

function m(tag, ...children) {
  const node = document.createElementNS("http://www.w3.org/1998/Math/MathML", tag);
  node.append(...children);
  return node;
}

const letter = (name) => m("mi", name);
const sign = (name) => m("mo", name);
const summed = (name) => m("msub", sign("∑"), letter(name));

function under(name, ...indices) {
  const atoms = indices.map((index) => m(typeof index === "number" ? "mn" : "mi", index));
  const listed = atoms.flatMap((atom, place) => (place ? [sign(","), atom] : [atom]));
  return m("msub", letter(name), m("mrow", ...listed));
}

/* Set an attribute, or take it away where the value is null or false. */
function mark(node, name, value) {
  if (value === null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/* Write only what differs, since what is written again is laid out again; and into the text that is
 * there, since a new node would have all style rules about children looked at. */
function write(node, text) {
  const { firstChild } = node;
  if (!firstChild) node.append(text);
  else if (firstChild.data !== String(text)) firstChild.data = text;
}

/* Give a parent as many children as wanted; they come and go at its end. */
function fill(parent, count, make) {
  while (parent.children.length > count) parent.lastElementChild.remove();
  while (parent.children.length < count) parent.append(make(parent.children.length));
  return [...parent.children];
}

function fillHead(line, names) {
  const cells = fill(line, names.length, () => h("th", { scope: "col" }));
  cells.forEach((cell, place) => write(cell, names[place]));
}

/* Bring a row of a table up to date: texts, looks, and what its numbers point at. */
function fillLine(line, cells) {
  const make = (place) => (place ? h("td", { tabindex: -1 }) : h("th", { scope: "row" }));
  fill(line, cells.length, make).forEach((node, place) => {
    const [cell, before] = [cells[place], node.cell ?? {}];
    Object.assign(node, { cell });
    write(node, cell.text);
    if (cell.point?.kind !== before.point?.kind) {
      mark(node, "data-kind", cell.point?.kind ?? null);
      node.tabIndex = -1;
    }
    if (cell.look !== before.look) node.className = cell.look ?? "";
    for (const name of ["--from", "--to", "--share"]) {
      if (cell[name] !== before[name]) node.style.setProperty(name, cell[name] ?? "");
    }
  });
}

/* The parts that never change. Those with a name are filled and listened to. */
const MARKUP = `
<div class="lab">
  <div class="lab-top"><p class="lab-title" data-part="title"></p>
    <button class="lab-button" data-part="reset">Reset</button></div>
  <p class="lab-note" data-part="note" role="status" hidden></p>
  <div class="lab-asking"><span>query</span>
    <div class="lab-choice lab-words" data-part="words" role="radiogroup" aria-label="Query"></div></div>
  <div class="lab-stepper" data-control="steps">
    <div class="lab-choice lab-tabs" data-part="steps" role="radiogroup" aria-label="Step"></div>
    <button class="lab-next" data-part="next"></button></div>
  <div class="lab-said"><p data-part="sentence"></p>
    <div><math display="block" data-part="formula"></math></div></div>
  <div class="lab-trace">
    <table class="lab-table" data-part="trace" role="grid" aria-label="Steps of the query">
      <thead><tr></tr></thead><tbody></tbody><tfoot><tr></tr></tfoot></table></div>
  <div class="lab-map"><canvas data-part="canvas" role="img"></canvas>
    <div class="lab-map-row" data-part="row"></div><div class="lab-map-cell" data-part="cell"></div></div>
  <div class="lab-made" role="group" aria-label="How the number was made"><p data-part="caption"></p>
    <div role="group" aria-label="Terms">
      <table class="lab-terms" data-part="terms"><thead><tr></tr></thead><tbody></tbody></table></div></div>
  <div class="lab-switches" role="group" aria-label="Settings">
    <div class="lab-line">
      <div data-control="normalization"><div class="lab-choice lab-tabs" data-part="normalization"
        role="radiogroup" aria-label="Scores become weights by"></div></div>
      <div data-control="scale"><label><input type="checkbox" data-part="scale">
        <span>Divide by <span data-part="root"></span></span></label></div>
      <div data-control="causal"><label><input type="checkbox" data-part="causal">
        <span>Hide later words</span></label></div></div>
    <div class="lab-line">
      <div data-control="temperature"><span>Temperature</span>
        <input type="range" min="-4" max="4" step="any" data-part="heat" aria-label="Temperature">
        <span data-part="degree"></span></div>
      <div data-control="heads"><span>Heads</span>
        <select data-part="number" aria-label="Number of heads"></select>
        <div class="lab-choice lab-tabs" data-part="head" role="radiogroup"
          aria-label="Head that is shown"></div></div></div>
    <p class="lab-note" id="own-settings" role="status" hidden></p></div>
  <div class="lab-tools">
    <button class="lab-button" data-part="edit" aria-controls="own-panel">Edit</button>
    <button class="lab-button" data-part="link">Copy link</button>
    <button class="lab-button" data-part="python">Copy Python</button></div>
  <div class="lab-panel" data-part="panel" id="own-panel" role="group" aria-label="Numbers" hidden>
    <label class="lab-slider"><span data-part="pulled"></span>
      <input type="range" step="any" data-part="pull"></label>
    <p class="lab-note" id="own-numbers" role="status" hidden></p>
    <div class="lab-scroll"><table class="lab-inputs">
      <thead><tr data-part="header"></tr></thead><tbody data-part="lines"></tbody></table>
      <button class="lab-button" data-part="more"></button></div>
    ${["q", "k", "v"].map(
      (role) => `<div class="lab-scroll"><table class="lab-inputs">
        <caption><i>W</i><sub>${role}</sub></caption><tbody data-part="W${role}"></tbody></table></div>`,
    ).join("")}
    <div class="lab-scroll">
      <table class="lab-products" data-part="products" role="grid" aria-label="Queries, keys and values">
        <thead><tr></tr></thead><tbody></tbody></table></div></div>
  <p class="lab-unseen" data-part="voice" role="status"></p>
</div>`;

/* Radio buttons that look like words or tabs: arrow keys and touch come with them. */
function offer(group, texts, chosen) {
  const radio = (value) => h("input", { type: "radio", name: group.id, value });
  const labels = fill(group, texts.length, (value) => h("label", {}, radio(value), h("span")));
  labels.forEach(({ children: [input, span] }, place) => {
    input.checked = place === chosen;
    write(span, texts[place]);
  });
}

/* Scroll a box to a part of it that is out of sight; not before the frame that lays it out anyway. */
function reveal(part, box) {
  requestAnimationFrame(() => {
    if (!part.isConnected) return; // A change has come in between.
    box.style.paddingInlineEnd = "";
    const { offsetLeft: left, offsetWidth: width } = part;
    const { scrollLeft: from, clientWidth: room } = box;
    const covered = box.querySelector("th")?.offsetWidth ?? 0; // by what stays in its place
    if (left - covered >= from && left + width <= from + room) return;
    const middle = Math.min(left - (room - width) / 2, box.scrollWidth - room);
    // A number of which the first digit is covered would be read as another.
    const edges = [...(part.parentNode.cells ?? [])].map((cell) => cell.offsetLeft - covered - GAP);
    const seen = edges.filter((edge) => edge + room >= left + width);
    const whole = seen.findLast((edge) => edge <= middle) ?? seen[0] ?? middle;
    // Behind the last number there may be too little to scroll to where one begins.
    const missing = whole + room - box.scrollWidth;
    if (missing > 0) box.style.paddingInlineEnd = `${missing}px`;
    box.scrollLeft = whole;
  });
}

/* Move among the numbers of a table by the arrow keys, as in any grid. */
function walk(event) {
  const rows = [...event.currentTarget.rows].map((row) => [...row.querySelectorAll("[data-kind]")]);
  const lines = rows.filter((row) => row.length);
  const row = lines.findIndex((line) => line.includes(event.target));
  const place = lines[row]?.indexOf(event.target);
  const [down, right] =
    { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [];
  if (down === undefined || row < 0) return;
  event.preventDefault();
  (lines[row + down] ?? lines[row]).at(Math.max(0, place + right))?.focus();
}

/* The tab key enters a grid at one number, the last that was chosen. */
function enterable(grid) {
  const cells = [...grid.querySelectorAll("[data-kind]")];
  if (!cells.some((cell) => cell.tabIndex === 0)) cells[0].tabIndex = 0;
}

/* Draw the map, and say where its cells lie. What is hidden, or undefined, stays empty. */
function paint(brush, { rows, words, width, height, limits, colors }) {
  const [least, most] = limits;
  const top = height / (Math.min(words.length, 12) + 1);
  const tall = (height - top) / words.length;
  brush.font = colors.font;
  brush.textBaseline = "middle";
  const longest = () => Math.max(...words.map((word) => brush.measureText(word).width));
  const left = words.length > MOST_TERMS ? 0 : Math.min(longest() + 8, width / 3);
  const wide = (width - left) / words.length;
  const text = (color, align, string, x, y, room) => {
    brush.fillStyle = colors[color];
    brush.textAlign = align;
    brush.fillText(string, x, y, room);
  };
  if (left) {
    text("muted", "right", "query ↓", left - 8, top / 2, left - 8);
    words.forEach((word, i) => {
      text("ink", "right", word, left - 8, top + (i + 0.5) * tall, left - 8);
      text("ink", "center", word, left + (i + 0.5) * wide, top / 2, wide - 6);
    });
  }
  // A dot for each cell, as dense as its share of the color, and then all of them enlarged at once.
  const dots = new ImageData(words.length, words.length);
  const share = (number) => (number - least) / (most - least || 1);
  rows.forEach((row, i) => {
    row?.forEach((number, j) => (dots.data[4 * (i * words.length + j) + 3] = 255 * share(number)));
    brush.fillStyle = colors.low;
    brush.fillRect(left, top + i * tall, row ? row.length * wide : 0, tall);
  });
  const small = new OffscreenCanvas(words.length, words.length).getContext("2d");
  small.putImageData(dots, 0, 0);
  small.globalCompositeOperation = "source-in";
  small.fillStyle = colors.high;
  small.fillRect(0, 0, words.length, words.length);
  brush.imageSmoothingEnabled = false;
  brush.drawImage(small.canvas, left, top, width - left, height - top);
  if (left) {
    for (const place of words.keys()) {
      brush.clearRect(left + (place + 1) * wide - 1, top, 1, height);
      brush.clearRect(left, top + (place + 1) * tall - 1, width, 1);
    }
  }
  if (left && wide > 30) {
    rows.forEach((row, i) =>
      row?.forEach((number, j) => {
        const color = share(number) > 0.6 ? "on-high" : "on-low";
        const [x, y] = [left + (j + 0.5) * wide, top + (i + 0.5) * tall];
        text(color, "center", show(number, 2), x, y, wide - 4);
      }),
    );
  }
  return { left, top, wide, tall };
}

/* The colors of the page's figures, which a drawing cannot take from the style sheet itself. */
function palette(canvas) {
  const styles = getComputedStyle(canvas);
  const colors = { font: `${styles.fontSize} ${styles.fontFamily}` };
  for (const name of ["ink", "muted", "low", "high", "on-low", "on-high"]) {
    colors[name] = styles.getPropertyValue(`--fig-${name}`).trim() || "gray";
  }
  return colors;
}

function frame(node, left, top, width, height) {
  const transform = `translate(${left}px, ${top}px)`;
  Object.assign(node.style, { transform, width: `${width}px`, height: `${height}px` });
}

/* Take the steps of a generator one after the other, or each in a frame of its own, so that the page
 * can answer in between. */
function atOnce(steps) {
  while (!steps.next().done);
}

function byFrames(steps) {
  if (!steps.next().done) requestAnimationFrame(() => setTimeout(byFrames, 0, steps));
}

const same = (a, b) => ["kind", "i", "j", "c"].every((name) => a?.[name] === b[name]);

/* How a link names a lab: by its id, else by its place on the page. */
const keyOf = (lab) => lab.id || [...document.querySelectorAll("attention-lab")].indexOf(lab);

/* Whether the end of an address asks for a lab in some state. */
const asks = (hash) => hash.startsWith("#lab=");

let labs = 0;

class AttentionLab extends HTMLElement {
  #start; // the state of the build, to which `reset` goes back
  #state;
  #steps;
  #point; // the number that was chosen to be explained
  #parts;
  #size = {}; // of the map
  #plot; // where the map has its cells
  #drawn = []; // what the map shows
  #place = {}; // the number that the slider of the panel pulls
  #edited; // the steps whose numbers the panel shows
  #colors;
  #begun = false;
  #rest = range(0).values(); // what is left of bringing the parts up to date
  #watch;
  #speech;
  #late;
  #middle = 6; // the row in the middle of those in sight

  // What a page may use.

  get state() {
    return structuredClone(this.#now());
  }

  set state(given) {
    this.#enter(this.#whole(given));
  }

  get result() {
    return structuredClone(summarize(this.#now(), this.#steps));
  }

  get link() {
    return `${location.href.split("#")[0]}#lab=${keyOf(this)}&${encode(this.#now())}`;
  }

  get python() {
    return python(this.#now());
  }

  reset() {
    this.#now();
    this.#enter(this.#start);
    this.#say("The lab is as it was.");
  }

  // Coming and going.

  connectedCallback() {
    if (this.#parts) this.#listen();
    else this.#wait();
  }

  disconnectedCallback() {
    this.#watch?.abort();
    clearTimeout(this.#speech);
    clearTimeout(this.#late);
  }

  /* The state, also for who asks before the lab has started. */
  #now() {
    this.#begin(location.hash);
    atOnce(this.#rest);
    return this.#state;
  }

  /* Start when the lab is nearly in sight, or when the address asks for one, which is that of now:
   * the theme may put another anchor into it. */
  #wait() {
    const { hash } = location;
    this.#watch = new AbortController();
    const { signal } = this.#watch;
    const begin = () => setTimeout(() => this.#begin(hash, byFrames));
    const look = (entries) => entries.some(({ isIntersecting }) => isIntersecting) && begin();
    const near = new IntersectionObserver(look, { rootMargin: "100%" });
    near.observe(this);
    signal.addEventListener("abort", () => near.disconnect());
    const follow = ({ newURL }) => {
      const { hash: next } = new URL(newURL);
      if (asks(next)) this.#begin(next);
    };
    addEventListener("hashchange", follow, { signal });
    if (asks(hash)) begin();
  }

  #begin(hash, pace = atOnce) {
    if (this.#begun || this.#parts || !this.isConnected) return;
    this.#begun = true;
    this.#watch?.abort();
    const given = this.querySelector("template");
    this.#watch = new AbortController();
    if (!given) return;
    try {
      const data = JSON.parse(given.content.textContent);
      this.#enter(this.#whole(data), pace);
      this.#follow({ hash });
    } catch (error) {
      // The table and the heatmap stay.
      this.toggleAttribute("begun", true);
      this.prepend(h("p", { class: "lab-note" }, `This lab cannot start: ${error.message}.`));
    }
  }

  #listen() {
    this.#watch = new AbortController();
    const { signal } = this.#watch;
    // By now the theme, which tracks what is read, may have put another anchor into the address.
    const follow = ({ newURL }) => this.#follow(new URL(newURL));
    addEventListener("hashchange", follow, { signal });
    const recolor = () => {
      this.#colors = null;
      this.#draw();
    };
    matchMedia("print").addEventListener("change", recolor, { signal });
    const scheme = new MutationObserver(recolor);
    scheme.observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
    const { canvas, terms } = this.#parts;
    const size = new ResizeObserver(() => {
      const first = !this.#size.width;
      this.#size = canvas.getBoundingClientRect();
      // The first picture comes in a task of its own, after the frame that laid the whole lab out.
      if (first) setTimeout(() => this.#draw());
      else this.#draw();
      // What scrolls can be reached by the tab key, and nothing else can.
      const box = terms.parentNode;
      mark(box, "tabindex", box.scrollWidth > box.clientWidth && 0);
    });
    for (const part of [canvas, terms]) size.observe(part);
    signal.addEventListener("abort", () => [scheme, size].forEach((one) => one.disconnect()));
  }

  /* Where the address carries a state for this lab, take it. */
  #follow({ hash }) {
    const [, key, text] = hash.match(/^#lab=([^&]*)&?(.*)$/s) ?? [];
    const all = [...document.querySelectorAll("attention-lab")];
    const meant = all.find((lab) => String(keyOf(lab)) === key);
    if (key === undefined || (meant ?? all[0]) !== this) return;
    try {
      demand(meant, "its lab is not on this page");
      this.state = decode(text);
    } catch (error) {
      const reason = error instanceof URIError ? "a word in it is garbled" : error.message;
      this.#note(this.#parts.note, `This link cannot be used: ${reason}. The lab is as it was.`);
    }
    this.scrollIntoView();
  }

  // Changes.

  /* A state that is given, checked; what it does not say of the lab's frame stays as it is. */
  #whole(given) {
    const { title = "", controls } = this.#now() ?? {};
    return checked({ title, controls, ...given });
  }

  /* Take a whole state, which has been checked. */
  #enter(state, pace = atOnce) {
    const fresh = !this.#parts;
    this.#start ??= state;
    this.#point = null;
    if (fresh) this.#build();
    this.#change(state, true, pace);
    if (fresh && this.isConnected) this.#listen();
  }

  /* Take changes that go together; where they move numbers to other boxes, all is written anew. */
  #change(changes, anew = false, pace = atOnce) {
    this.#state = { ...this.#state, ...changes };
    const view = ["query", "step", "head"];
    const computed = Object.keys(changes).some((name) => !view.includes(name));
    if (computed) this.#steps = attend(this.#state);
    if (anew) for (const note of this.querySelectorAll(".lab-note")) this.#note(note, "");
    this.#rest = this.#render(anew);
    pace(this.#rest);
    this.#say(this.#leader());
  }

  #ask(query) {
    if (this.#point && !"qkv".includes(this.#point.kind)) this.#point = { ...this.#point, i: query };
    if (query !== this.#state.query) this.#change({ query });
  }

  #go(place) {
    this.#point = null;
    this.#change({ step: STEPS[place % STEPS.length] });
    this.#say(this.#parts.sentence.textContent);
  }

  #put({ name, row, column }, number) {
    const matrix = this.#state[name];
    this.#change({ [name]: matrix.with(row, matrix[row].with(column, number)) });
  }

  #add() {
    const { words, x } = this.#state;
    const mean = x[0].map((_, c) => Number((add(column(x, c)) / x.length).toPrecision(2)));
    this.#change({ words: [...words, "new"], x: [...x, mean] });
    this.#edit(words.length);
  }

  #remove(index) {
    const { words, x, query } = this.#state;
    const last = words.length - 2;
    this.#point = null;
    const changes = { words: words.toSpliced(index, 1), x: x.toSpliced(index, 1) };
    this.#change({ ...changes, query: Math.min(query > index ? query - 1 : query, last) }, true);
    this.#say(`${words[index]} was removed.`);
    this.#edit(Math.min(index, last));
  }

  #edit(index) {
    const input = this.#parts.lines.children[index].querySelector("input");
    input.focus();
    input.select();
  }

  // Words to the reader: what is wrong, beside it, and a voice for those who cannot see.

  #note(note, text) {
    write(note, text);
    note.hidden = !text;
  }

  /* Say what is wrong with an input, or what still is with another one near it. */
  #judge(input, wrong = "", remark = "") {
    const near = input.closest("[role=group]");
    const note = near.querySelector(".lab-note");
    input.wrong = wrong && `${wrong} Until then, the last good one counts.`;
    mark(input, "aria-invalid", Boolean(wrong));
    mark(input, "aria-describedby", wrong || remark ? note.id : null);
    this.#note(note, input.wrong || remark || (near.querySelector("[aria-invalid]")?.wrong ?? ""));
  }

  #say(text) {
    clearTimeout(this.#speech);
    this.#speech = setTimeout(() => write(this.#parts.voice, text), 300);
  }

  /* Who gets most of the query's weight. */
  #leader() {
    const { words, query, head } = this.#state;
    const row = this.#steps.heads[head].weights[query];
    if (!row) return `${words[query]} has no weights.`;
    const most = Math.max(...row);
    return `${words[query]} gives most weight, ${show(most, 2)}, to ${words[row.indexOf(most)]}.`;
  }

  async #copy(text, pressed) {
    try {
      await navigator.clipboard.writeText(text);
      pressed.name ||= pressed.textContent;
      write(pressed, "Copied");
      this.#say("Copied.");
      setTimeout(() => write(pressed, pressed.name), 1500);
    } catch {
      this.#note(this.#parts.note, `The browser does not let this page copy. By hand:\n${text}`);
    }
  }

  // Making the parts, once.

  #build() {
    const own = `lab-${labs++}`;
    const template = h("template");
    template.innerHTML = MARKUP.replaceAll("own-", `${own}-`);
    this.replaceChildren(template.content);
    const parts = (this.#parts = {});
    for (const node of this.querySelectorAll("[data-part]")) parts[node.dataset.part] = node;
    for (const group of this.querySelectorAll(".lab-choice")) group.id = `${own}-${group.dataset.part}`;
    parts.panel.hidden = !this.hasAttribute("full");
    const take = (temperature) => this.#change({ temperature });
    parts.degree.append(this.#buildBox(() => this.#state.temperature, take, 1 / LARGEST));
    mark(parts.degree.firstChild, "aria-label", "Temperature as a number");
    this.#attend(parts);
  }

  /* Listen to the parts, each by what it is there for. */
  #attend(parts) {
    const on = (type, actions) => {
      for (const [name, act] of Object.entries(actions)) {
        parts[name].addEventListener(type, (event) => act(event.target, event));
      }
    };
    on("click", {
      reset: () => this.reset(),
      next: () => this.#go(STEPS.indexOf(this.#state.step) + 1),
      link: (pressed) => this.#copy(this.link, pressed),
      python: (pressed) => this.#copy(this.python, pressed),
      more: () => this.#add(),
      edit: () => {
        parts.panel.hidden = !parts.panel.hidden;
        this.#change({}, true);
      },
      canvas: (_, event) => this.#explainMap(event),
    });
    on("change", {
      words: ({ value }) => this.#ask(Number(value)),
      steps: ({ value }) => this.#go(value),
      normalization: ({ value }) => this.#change({ normalization: WAYS[value] }),
      scale: ({ checked: scale }) => this.#change({ scale }),
      causal: ({ checked: causal }) => this.#change({ causal }),
      number: ({ value }) => this.#change({ num_heads: Number(value), head: 0 }),
      head: ({ value }) => this.#change({ head: Number(value) }),
    });
    on("input", {
      heat: ({ value }) => this.#change({ temperature: Number((2 ** value).toPrecision(2)) }),
      pull: ({ value }) => this.#put(this.#place, Number(Number(value).toPrecision(3))),
    });
    on("pointermove", { canvas: (_, event) => this.#explainMap(event) });
    for (const grid of [parts.trace, parts.products]) this.#attendGrid(grid);
    const { parentNode: window } = parts.trace;
    window.addEventListener("scroll", () => {
      this.#middle = (window.scrollTop / window.scrollHeight) * this.#state.words.length + 6;
    });
  }

  /* The numbers of a table can be pointed at, by a pointer or by the arrow keys. */
  #attendGrid(grid) {
    for (const type of ["mouseover", "focusin", "click"]) {
      grid.addEventListener(type, ({ target: { cell } }) => {
        if (cell?.point) this.#explain(cell.point, type === "focusin");
      });
    }
    grid.addEventListener("focusin", ({ target }) => {
      for (const cell of grid.querySelectorAll("[tabindex='0']")) cell.tabIndex = -1;
      target.tabIndex = 0;
    });
    grid.addEventListener("keydown", walk);
  }

  /* A box for one number, and for what is no number while somebody types. */
  #buildBox(value, take, least) {
    const box = h("input", { type: "text", class: "lab-number", autocomplete: "off" });
    box.addEventListener("input", () => {
      const { number, wrong, remark } = read(box.value, least);
      if (!wrong) take(number);
      this.#judge(box, wrong, remark);
    });
    box.refresh = () => {
      if (box.number === value()) return;
      box.number = value();
      if (box === document.activeElement) return;
      box.value = box.number;
      if (box.wrong) this.#judge(box);
    };
    return box;
  }

  /* A box for a number of a matrix; while it is edited, the slider of the panel pulls it. */
  #buildCell(place) {
    const box = this.#buildBox(() => this.#number(place), (number) => this.#put(place, number));
    box.addEventListener("focus", () => this.#pull(place));
    return box;
  }

  #buildLine(row) {
    const name = h("input", { type: "text", "aria-label": `Word ${row}`, maxlength: 40 });
    name.addEventListener("input", () => {
      const word = name.value.trim();
      this.#judge(name, word && isWord(word) ? "" : "A word needs a letter.");
      if (!name.wrong) this.#change({ words: this.#state.words.with(row, word) });
    });
    name.refresh = () => {
      if (!name.wrong && name !== document.activeElement) name.value = this.#state.words[row];
    };
    const remove = h("button", { class: "lab-remove", click: () => this.#remove(row) }, "×");
    return h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, remove));
  }

  // Bringing the parts up to date.

  *#render(anew) {
    yield; // A lab that starts by and by has just been built.
    const { title, words, step, controls } = this.#state;
    const parts = this.#parts;
    const last = step === STEPS.at(-1);
    if (parts.words.children.length !== words.length) this.style.setProperty("--words", words.length);
    this.firstElementChild.classList.toggle("lab-many", words.length > MOST_TERMS);
    for (const node of this.querySelectorAll("[data-control]")) {
      node.hidden = controls && !controls.includes(node.dataset.control);
    }
    write(parts.title, title);
    offer(parts.steps, STEPS.map((name) => name[0].toUpperCase() + name.slice(1)), STEPS.indexOf(step));
    mark(parts.next, "aria-label", last ? "Back to the first step" : "Next step");
    write(parts.next, last ? "↺" : "→");
    this.#renderSettings();
    yield;
    this.#renderTrace();
    yield;
    if (anew || this.#edited !== this.#steps) this.#renderPanel(anew);
    yield;
    this.#draw();
    this.#renderPoint();
    this.#renderWords();
    if (this.hasAttribute("begun")) return;
    // Now all of it is laid out, but for some boxes, whose turn is the next.
    this.firstElementChild.classList.add("lab-fresh");
    this.toggleAttribute("begun", true);
    yield;
    this.firstElementChild.classList.remove("lab-fresh");
  }

  #renderWords() {
    const { words, query, head } = this.#state;
    const group = this.#parts.words;
    const row = sizes(this.#steps.heads[head].weights[query] ?? []);
    const most = Math.max(...row) || 1;
    const before = group.querySelector(":checked");
    offer(group, words, query);
    [...group.children].forEach((label, j) => {
      // A tenth is a pixel.
      const share = ((row[j] ?? 0) / most).toFixed(1);
      if (label.share !== share) label.lastChild.style.setProperty("--share", share);
      label.share = share;
    });
    const chosen = group.children[query];
    if (before === chosen.firstChild) return;
    reveal(chosen, group);
  }

  #renderTrace() {
    const { trace } = this.#parts;
    const [head, body, foot] = trace.children;
    const { names, lines, seen, sums } = tabulate(this.#state, this.#steps);
    mark(trace, "data-step", this.#state.step);
    fillHead(head.firstChild, names);
    const update = (wanted) =>
      fill(body, lines.length, () => h("tr")).forEach((line, j) => {
        if (!wanted(j)) return;
        fillLine(line, lines[j]);
        mark(line, "class", j >= seen && "lab-hidden");
      });
    // Of many rows those in sight, and the others in a moment.
    const near = (j) => lines.length <= MOST_TERMS || Math.abs(j - this.#middle) < 9;
    update(near);
    fillLine(foot.firstChild, sums);
    foot.hidden = !sums[0].text;
    enterable(trace);
    clearTimeout(this.#late);
    if (lines.length > MOST_TERMS) this.#late = setTimeout(update, 150, (j) => !near(j));
  }

  #renderSettings() {
    const { normalization, root, scale, causal, heat, degree, number, head } = this.#parts;
    const state = this.#state;
    for (const line of this.querySelectorAll(".lab-line")) {
      line.hidden = [...line.children].every((cell) => cell.hidden);
    }
    offer(normalization, ["Softmax", "Sum"], WAYS.indexOf(state.normalization));
    write(root, `√${this.#steps.width}`);
    scale.checked = state.scale;
    causal.checked = state.causal;
    // What divides all scores of a row divides their sum, too.
    const box = degree.firstChild;
    heat.disabled = box.disabled = state.normalization === "sum";
    if (heat !== document.activeElement) heat.value = Math.log2(state.temperature);
    mark(heat, "aria-valuetext", state.temperature);
    box.refresh();
    const widths = [this.#steps.k, this.#steps.v].map(([row]) => row.length);
    const options = fill(number, Math.min(16, Math.max(...widths)), () => h("option"));
    options.forEach((option, place) => {
      const no = widths.find((width) => width % (place + 1));
      Object.assign(option, { value: place + 1, disabled: Boolean(no) });
      write(option, no ? `${place + 1} does not divide ${no}` : place + 1);
    });
    number.value = state.num_heads;
    head.hidden = state.num_heads === 1;
    offer(head, range(state.num_heads), state.head);
  }

  /* The panel: what is computed with. Neither another query nor another step changes it. */
  #renderPanel(anew) {
    const { panel, edit, header, lines, more, pull } = this.#parts;
    const { words, x } = this.#state;
    this.#edited = this.#steps;
    edit.setAttribute("aria-expanded", !panel.hidden);
    if (panel.hidden) return;
    if (anew) for (const input of panel.querySelectorAll("[type=text]")) this.#forget(input);
    fillHead(header, ["word", ...x[0].keys()]);
    fill(lines, words.length, (row) => this.#buildLine(row)).forEach((line, row) => {
      this.#renderRow(line, "x", row, line.lastChild);
      line.querySelector("input").refresh();
      const remove = line.querySelector("button");
      mark(remove, "aria-label", `Remove ${words[row]}`);
      remove.disabled = words.length === 1;
    });
    more.disabled = words.length >= MOST;
    write(more, more.disabled ? `${MOST} words are the most` : "Add a word");
    for (const name of MATRICES) {
      const matrix = this.#state[name] ?? [];
      const body = this.#parts[`W${name[2]}`];
      body.closest("div").hidden = !matrix.length;
      const rows = fill(body, matrix.length, () => h("tr"));
      rows.forEach((line, row) => this.#renderRow(line, name, row, null));
    }
    this.#renderProducts();
    if (this.#number(this.#place) === undefined) this.#pull({ name: "x", row: 0, column: 0 });
    else this.#pull(this.#place, pull.max);
  }

  #renderRow(line, name, row, before) {
    const boxes = (line.boxes ??= []);
    const width = this.#state[name][row].length;
    for (const box of boxes.splice(width)) box.parentNode.remove();
    while (boxes.length < width) {
      boxes.push(this.#buildCell({ name, row, column: boxes.length }));
      line.insertBefore(h("td", {}, boxes.at(-1)), before);
    }
    boxes.forEach((box, column) => {
      box.refresh();
      mark(box, "aria-label", this.#name({ name, row, column }));
    });
  }

  #forget(input) {
    Object.assign(input, { wrong: "", number: undefined });
    mark(input, "aria-invalid", null);
  }

  #number({ name, row, column }) {
    return this.#state[name]?.[row]?.[column];
  }

  #name({ name, row, column }) {
    if (name === "x") return `${this.#state.words[row]}, coordinate ${column}`;
    return `W${name[2]}, row ${row}, column ${column}`;
  }

  /* Let the slider pull a number, as far as twice its size unless it has been on its way. */
  #pull(place, reach = 2 * Math.max(1, Math.abs(this.#number(place)))) {
    const { pull, pulled } = this.#parts;
    this.#place = place;
    Object.assign(pull, { min: -reach, max: reach });
    if (pull !== document.activeElement) pull.value = this.#number(place);
    mark(pull, "aria-valuetext", this.#number(place));
    write(pulled, this.#name(place));
  }

  #renderProducts() {
    const { products } = this.#parts;
    products.parentNode.hidden = !MATRICES.some((name) => this.#state[name]);
    const columns = ["q", "k", "v"].flatMap((kind) =>
      this.#steps[kind][0].map((_, c) => ({ kind, c, look: c ? "" : "lab-first" })),
    );
    const [head, body] = products.children;
    fillHead(head.firstChild, ["word", ...columns.map(({ kind, c }) => `${kind} ${c}`)]);
    const { words } = this.#state;
    fill(body, words.length, () => h("tr")).forEach((line, i) => {
      const cells = columns.map(({ kind, c, look }) => {
        return { text: show(this.#steps[kind][i][c]), point: { kind, i, c }, look };
      });
      fillLine(line, [{ text: words[i] }, ...cells]);
    });
    enterable(products);
  }

  // The map: all queries and keys of a head, drawn since it may have 4,096 cells.

  get #mapped() {
    return this.#state.step === "scores" ? "score" : "weight";
  }

  #draw() {
    const { canvas } = this.#parts;
    const { width, height } = this.#size;
    const { words, head } = this.#state;
    if (!width) return;
    const colors = (this.#colors ??= palette(canvas));
    const wanted = [this.#steps, this.#mapped, head, width, height, colors];
    if (wanted.every((item, place) => item === this.#drawn[place])) return;
    this.#drawn = wanted;
    const name = `${this.#mapped}s`;
    const all = this.#steps.heads.map((one) => one[name]);
    // Not one by one: a call takes no more than some thousand arguments.
    const numbers = all.flat().flatMap((row) => (row ? [Math.min(...row), Math.max(...row)] : []));
    const limits = [Math.min(...numbers), Math.max(...numbers)];
    // Without texts, coarse pixels will do, and cost a phone much less.
    const density = words.length > MOST_TERMS ? 1 : devicePixelRatio;
    Object.assign(canvas, { width: width * density, height: height * density });
    const brush = canvas.getContext("2d");
    brush.scale(density, density);
    this.#plot = paint(brush, { rows: all[head], words, width, height, limits, colors });
    mark(canvas, "aria-label", `Map of the ${name}: a row for each query, a column for each key`);
    this.#frame();
  }

  /* Frame the row of the query and the cell that is explained. */
  #frame() {
    if (!this.#plot) return;
    const { left, top, wide, tall } = this.#plot;
    const { query, words } = this.#state;
    const { kind, i, j } = this.#current;
    const { row, cell } = this.#parts;
    frame(row, left, top + query * tall, wide * words.length, tall);
    cell.hidden = kind !== this.#mapped;
    if (!cell.hidden) frame(cell, left + j * wide, top + i * tall, wide, tall);
  }

  // The number that is explained.

  /* The one that was pointed at, as long as there is one; else the most telling of the step. */
  get #current() {
    const { words, query: i, step, head } = this.#state;
    const { scores, weights } = this.#steps.heads[head];
    const point = this.#point;
    const rows = this.#steps[{ q: "q", k: "k" }[point?.kind] ?? "v"];
    const there = (index, end) => index === undefined || index < end;
    const all = point && there(point.i, words.length) && there(point.j, words.length);
    if (all && there(point.c, rows[0].length)) return point;
    const row = weights[i] ?? scores[i];
    const j = row.indexOf(Math.max(...row));
    const c = head * this.#steps.wide;
    return {
      scores: { kind: "score", i, j },
      weights: { kind: "weight", i, j },
      contributions: { kind: "part", i, j, c },
      context: { kind: "context", i, c },
    }[step];
  }

  #explainMap({ type, offsetX, offsetY }) {
    const { left, top, wide, tall } = this.#plot;
    const [i, j] = [(offsetY - top) / tall, (offsetX - left) / wide].map(Math.floor);
    const inside = (index) => index >= 0 && index < this.#state.words.length;
    if (!inside(i) || !inside(j)) return;
    if (type === "click") this.#ask(i);
    this.#explain({ kind: this.#mapped, i, j });
  }

  #explain(point, aloud = false) {
    this.#point = point;
    this.#renderPoint();
    if (aloud) this.#say(this.#parts.caption.textContent);
  }

  #renderPoint() {
    const { sentence, formula, caption, terms } = this.#parts;
    const { query, words, head } = this.#state;
    const { scores, weights } = this.#steps.heads[head];
    const [before, after] = question(this.#state, scores[query], weights[query]);
    sentence.replaceChildren(before, h("strong", {}, words[query]), after);
    const told = explain(this.#state, this.#steps, this.#current);
    const known = Number.isFinite(told.value);
    const value = known ? [sign("="), m("mn", show(told.value))] : [];
    formula.replaceChildren(m("mrow", ...told.formula, ...value));
    const equation = [told.sum, known && show(told.value)].filter(Boolean).join(" = ");
    write(caption, [told.caption, equation].filter(Boolean).join(": "));
    fillHead(terms.tHead.rows[0], told.head);
    fill(terms.tBodies[0], told.rows.length, () => h("tr")).forEach((line, row) => {
      const look = (place) => (place && place === told.marked + 1 ? "lab-marked" : "");
      fillLine(line, told.rows[row].map((text, place) => ({ text, look: look(place) })));
    });
    const marked = terms.querySelector("tr > .lab-marked");
    if (marked) reveal(marked, terms.parentNode);
    this.#light(this.#current);
    this.#frame();
  }

  /* Mark the number that is explained where it stands. */
  #light(point) {
    const lit = [...this.querySelectorAll("[data-kind]")].find(({ cell }) => same(cell.point, point));
    for (const cell of this.querySelectorAll("[data-lit]")) mark(cell, "data-lit", cell === lit);
    if (lit) mark(lit, "data-lit", true);
  }
}

customElements.get("attention-lab") ?? customElements.define("attention-lab", AttentionLab);
