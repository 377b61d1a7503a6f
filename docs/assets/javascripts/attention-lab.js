/* <attention-lab>: attention in a page, whose every number the reader may change.
 *
 * It starts from the JSON that the build wrote into it, and takes the place of the table and the
 * heatmap that stand there for readers without scripts. `state` reads and sets what it works with,
 * `result` is what it computed, `link` and `python` are what its buttons copy. Texts of the reader
 * only ever become text nodes and values, and styles are set through the CSSOM.
 */

const STEPS = ["scores", "weights", "contributions", "context"];
const CONTROLS = ["steps", "normalization", "scale", "causal", "temperature", "heads"];
const MATRICES = ["w_query", "w_key", "w_value"];
const OPTIONS = {
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
  head: 0,
};
const MOST_WORDS = 64;
const MOST_COLUMNS = 64;
const MOST_TERMS = 16;
// The product of four numbers and two lengths, over the smallest temperature, is still finite.
const LARGEST = 1e30;

// Numbers ------------------------------------------------------------------------------------

/* Four decimals, fewer where many digits stand before the point; never a minus before zeros. */
function show(number, decimals = 4) {
  const size = Math.abs(number);
  if (!Number.isFinite(number)) return "–";
  const digits = size < 100 ? decimals : Math.min(decimals, Math.max(0, 6 - `${size | 0}`.length));
  const text = size < 1e5 ? number.toFixed(digits) : number.toExponential(2).replace("e+", "e");
  return (Number(text) === 0 ? text.replace("-", "") : text).replaceAll("-", "−");
}

/* How a number stands in its box while nobody edits it. */
function brief(number) {
  const exact = String(number);
  if (exact.length < 8) return exact;
  const size = Math.abs(number);
  return String(Number(size >= 1e-3 && size < 1e4 ? number.toFixed(4) : number.toPrecision(3)));
}

/* Read what someone typed: a number with perhaps a remark, or what is wrong with it. */
function read(typed, least = -LARGEST) {
  const text = typed.trim().replace("−", "-");
  if (!text) return { wrong: "A number is missing here." };
  if (/^[-+]?\d*,\d+$/.test(text)) {
    return { wrong: `Write a point, not a comma: ${text.replace(",", ".")}` };
  }
  if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)) {
    return { wrong: "Not a number: write digits, such as 0.25, -3 or 1e-3." };
  }
  const number = Number(text);
  if (Math.abs(number) > LARGEST) {
    return { wrong: "Too large: at most 1e30 in size, so that no product overflows." };
  }
  if (number < least) return { wrong: `Too small: the least is ${least}.` };
  if (number !== 0) return { number };
  if (/[1-9]/.test(text.split(/e/i)[0])) return { number: 0, remark: "So small that it is 0." };
  return { number: 0, remark: text.startsWith("-") ? "−0 is the same as 0." : "" };
}

const range = (count) => Array.from({ length: count }, (_, index) => index);
const add = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
const times = (a, b) => a.map((number, index) => number * b[index]);
const dot = (a, b) => add(times(a, b));
const column = (matrix, index) => matrix.map((row) => row[index]);

// Attention ----------------------------------------------------------------------------------

function project(x, matrix) {
  if (!matrix) return x;
  const columns = range(matrix[0].length).map((index) => column(matrix, index));
  return x.map((row) => columns.map((other) => dot(row, other)));
}

/* Scores of one query become weights; null where nothing can be divided by their sum. */
function normalize(scores, { normalization, temperature }) {
  if (normalization === "sum") {
    const total = add(scores);
    const rounding = Number.EPSILON * add(scores.map(Math.abs));
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
    const part = (row) => row.slice(h * width, (h + 1) * width);
    const keys = k.map(part);
    const values = v.map((row) => row.slice(h * wide, (h + 1) * wide));
    const scores = q.map((row, i) => {
      const query = part(row);
      return (causal ? keys.slice(0, i + 1) : keys).map((key) => dot(query, key) * factor);
    });
    const weights = scores.map((row) => normalize(row, state));
    const columns = range(wide).map((index) => column(values, index));
    const context = weights.map((row) => row && columns.map((values) => dot(row, values)));
    return { scores, weights, context };
  });
  const context = x.map((_, i) =>
    heads.every((head) => head.context[i]) ? heads.flatMap((head) => head.context[i]) : null,
  );
  return { q, k, v, width, wide, factor, heads, context };
}

/* What the lab tells whoever asks for its result: null stands for what is hidden or undefined. */
function summarize(state, steps) {
  const count = state.words.length;
  const filled = (row, rest) => range(count).map((j) => (j < row.length ? row[j] : rest));
  return {
    scores: steps.heads.map((head) => head.scores.map((row) => filled(row, null))),
    weights: steps.heads.map((head) => head.weights.map((row) => row && filled(row, 0))),
    contributions: steps.heads.map(({ weights }, h) => {
      const row = weights[state.query];
      const part = (value) => value.slice(h * steps.wide, (h + 1) * steps.wide);
      return row && filled(row, 0).map((a, j) => part(steps.v[j]).map((number) => a * number));
    }),
    context: steps.context,
  };
}

// States -------------------------------------------------------------------------------------

function demand(condition, message) {
  if (!condition) throw new RangeError(message);
}

function checkedMatrix(name, matrix, rows) {
  demand(Array.isArray(matrix) && matrix.length === rows, `${name} must have ${rows} rows`);
  const width = matrix[0]?.length;
  demand(width >= 1 && width <= MOST_COLUMNS, `${name} must have 1 to ${MOST_COLUMNS} columns`);
  return matrix.map((row) => {
    demand(Array.isArray(row) && row.length === width, `the rows of ${name} must be equally long`);
    return row.map((number) => {
      const fits = Number.isFinite(number) && Math.abs(number) <= LARGEST;
      demand(fits, `${name} must hold numbers of at most 1e30 in size`);
      return number + 0;
    });
  });
}

const isWord = (word) => typeof word === "string" && !/[\p{Cc}\p{Cs}]/u.test(word);

const divides = (heads, ...widths) => widths.every((width) => width % heads === 0);

/* Check a state of whatever origin, fill in what it leaves out, and return a copy of it. */
function checked(given) {
  demand(given && typeof given === "object", "a state must be an object");
  const state = { ...OPTIONS, ...given };
  const { words, query, head, num_heads, temperature } = state;
  const count = words?.length;
  demand(Array.isArray(words) && count >= 1, "there must be a word");
  demand(count <= MOST_WORDS, `there may be at most ${MOST_WORDS} words`);
  demand(words.every(isWord), "words must be printable text");
  state.words = [...words];
  state.x = checkedMatrix("x", state.x, count);
  const width = state.x[0].length;
  for (const name of MATRICES) {
    if (state[name]) state[name] = checkedMatrix(name, state[name], width);
    else state[name] = null;
  }
  const [q, k, v] = MATRICES.map((name) => state[name]?.[0].length ?? width);
  demand(q === k, `queries and keys must have one width, not ${q} and ${k}`);
  demand(Number.isInteger(num_heads) && num_heads >= 1, "the number of heads must be 1 or more");
  demand(
    divides(num_heads, k, v),
    `${num_heads} heads must divide the widths of keys, ${k}, and values, ${v}`,
  );
  demand(
    temperature >= 1 / LARGEST && temperature <= LARGEST,
    "the temperature must be from 1e-30 to 1e30",
  );
  demand(["softmax", "sum"].includes(state.normalization), "normalization must be softmax or sum");
  demand(STEPS.includes(state.step), `the step must be one of ${STEPS.join(", ")}`);
  const index = (number, end) => Number.isInteger(number) && number >= 0 && number < end;
  demand(index(query, count), `the query must be from 0 to ${count - 1}`);
  demand(index(head, num_heads), `the head must be from 0 to ${num_heads - 1}`);
  for (const name of ["scale", "causal"]) {
    demand(typeof state[name] === "boolean", `${name} must be true or false`);
  }
  return state;
}

// Links: `lab=` which lab, `v=` the version, then what differs from the options above.

const FIELDS = {
  words: [
    (words) => words.map(escapeWord).join(","),
    (text) => text.split(",").map(decodeURIComponent),
  ],
  x: [(matrix) => matrix.flat().join(","), numbers],
  w_query: [(matrix) => matrix.flat().join(","), numbers],
  w_key: [(matrix) => matrix.flat().join(","), numbers],
  w_value: [(matrix) => matrix.flat().join(","), numbers],
  num_heads: [String, whole],
  scale: [Number, (text) => Boolean(whole(text))],
  causal: [Number, (text) => Boolean(whole(text))],
  temperature: [String, (text) => numbers(text)[0]],
  normalization: [String, String],
  query: [String, whole],
  step: [String, String],
  head: [String, whole],
};

/* These mean something in a link, or where links are pasted. */
function escapeWord(word) {
  const escaped = (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(word).replace(/[!'()*~_]/g, escaped);
}

function numbers(text) {
  return text.split(",").map((part) => {
    const { number } = read(part);
    demand(number !== undefined, "there is something in it that is not a number");
    return number;
  });
}

function whole(text) {
  demand(/^\d{1,3}$/.test(text), "there is something in it that is not a whole number");
  return Number(text);
}

function encode(state) {
  const parts = Object.entries(FIELDS)
    .filter(([name]) => state[name] !== OPTIONS[name])
    .map(([name, [write]]) => `&${name}=${write(state[name])}`);
  return `v=1${parts.join("")}`;
}

function decode(text) {
  const [version, ...parts] = text.split("&");
  demand(version === "v=1", "it is of a version that is not known here");
  const state = {};
  for (const part of parts) {
    const [name, value, more] = part.split("=");
    demand(Object.hasOwn(FIELDS, name) && more === undefined, "there is a part that has no meaning");
    demand(value !== undefined && !Object.hasOwn(state, name), `${name} is empty, or there twice`);
    state[name] = FIELDS[name][1](value);
  }
  demand(state.words && state.x, "words or vectors are missing");
  state.x = folded(state.x, state.words.length);
  for (const name of MATRICES) {
    if (state[name]) state[name] = folded(state[name], state.x[0].length);
  }
  return checked(state);
}

function folded(flat, rows) {
  const width = flat.length / rows;
  demand(Number.isInteger(width), "its numbers do not fill their rows");
  return range(rows).map((row) => flat.slice(row * width, (row + 1) * width));
}

// The same in Python.

function tensor(name, matrix) {
  const rows = matrix.map((row) => `[${row.join(", ")}]`).join(",\n     ");
  return `${name} = torch.tensor(\n    [${rows}],\n    dtype=torch.float64,\n)`;
}

function python(state) {
  const { causal, num_heads, temperature, normalization, query } = state;
  const sum = normalization === "sum";
  const names = ["context", "similarity", sum ? "sum_normalize" : "softmax"];
  if (causal) names.push("causal_mask");
  const lines = ["import torch", `from selfattn import ${names.sort().join(", ")}`, ""];
  lines.push(`words = [${state.words.map((word) => JSON.stringify(word)).join(", ")}]`);
  lines.push(tensor("x", state.x));
  const roles = MATRICES.map((name) => {
    if (!state[name]) return "x";
    lines.push(tensor(name, state[name]));
    return `x @ ${name}`;
  });
  lines.push(`q, k, v = ${roles.join(", ")}`);
  if (num_heads > 1) {
    lines.push(`heads = [y.chunk(${num_heads}, dim=-1) for y in (q, k, v)]`);
    lines.push("q, k, v = (torch.stack(parts) for parts in heads)");
  }
  lines.push(`scores = similarity(q, k)${state.scale ? " / k.shape[-1] ** 0.5" : ""}`);
  let scores = sum || temperature === 1 ? "scores" : `scores / ${temperature}`;
  if (causal) {
    lines.push("later = ~causal_mask(len(words))");
    scores = scores.includes("/") ? `(${scores})` : scores;
    scores += `.masked_fill(later, ${sum ? "0" : "-torch.inf"})`;
  }
  lines.push(`weights = ${sum ? "sum_normalize" : "softmax"}(${scores})`);
  lines.push(`contributions = weights[..., ${query}, :, None] * v`);
  lines.push("z = context(weights, v)");
  if (num_heads > 1) lines.push("z = torch.cat([*z], dim=-1)");
  lines.push(`print(words[${query}], z[${query}])`, "");
  return lines.join("\n");
}

// Explanations -------------------------------------------------------------------------------
//
// How one number was made: a formula, a caption in words, and its terms in columns, under a head of
// coordinates or of words. A point says which number: kind, query i, key j, coordinate c.

function explain({ state, steps }, point) {
  const makers = { score, weight, part, context, q: projected, k: projected, v: projected };
  const { kind, i, j } = point;
  const late = state.causal && ["score", "weight", "part"].includes(kind) && j > i;
  return condensed(late ? hidden(state, point) : makers[kind](state, steps, point));
}

/* Of many terms the largest, in their order, and the sum of the others. */
function condensed(told) {
  const { head, rows, marked } = told;
  if (head.length <= MOST_TERMS) return told;
  const sizes = rows.at(-1)[1].map(Math.abs);
  const kept = range(head.length)
    .sort((a, b) => (b === marked) - (a === marked) || sizes[b] - sizes[a])
    .slice(0, MOST_TERMS - 1)
    .sort((a, b) => a - b);
  const others = range(head.length).filter((place) => !kept.includes(place));
  const pick = (list) => kept.map((place) => list[place]);
  return {
    ...told,
    head: [...pick(head), `${others.length} others`],
    rows: rows.map(([name, list], row) => [
      name,
      [...pick(list), row === rows.length - 1 ? add(others.map((place) => list[place])) : null],
    ]),
    marked: kept.indexOf(marked),
  };
}

function hidden({ words }, { i, j }) {
  const formula = [under("α", i, j), sign("="), m("mn", "0")];
  const caption = `${words[j]} comes later than ${words[i]}, and is hidden from it`;
  return { formula, caption, head: [], rows: [] };
}

function score({ words, scale, w_query, w_key, head }, { q, k, width, factor }, { i, j }) {
  const coordinates = range(width).map((c) => c + head * width);
  const [a, b] = [q[i], k[j]].map((row) => coordinates.map((c) => row[c]));
  const total = dot(a, b);
  const names = w_query || w_key ? ["q", "k"] : ["x", "x"];
  const product = [under(names[0], i), sign("·"), under(names[1], j)];
  const scaled = m("mfrac", m("mrow", ...product), m("msqrt", m("mn", width)));
  return {
    formula: [under("ω", i, j), sign("="), ...(scale ? [scaled] : product)],
    value: total * factor,
    caption: `Score of ${words[j]} for ${words[i]}`,
    sum: scale ? `${show(total)} ÷ √${width}` : "",
    head: coordinates,
    rows: [[words[i], a], [`× ${words[j]}`, b], ["=", times(a, b)]],
  };
}

function weight({ words, temperature, normalization, head }, { heads }, { i, j }) {
  const row = heads[head].scores[i];
  const soft = normalization === "softmax";
  // The largest score is taken off all, which changes no share, where its power is no number to read.
  const largest = Math.max(...row);
  const shift = Math.abs(largest) / temperature < 9 ? 0 : largest;
  const terms = soft ? row.map((number) => Math.exp((number - shift) / temperature)) : row;
  const cool = () => (temperature === 1 ? [] : [sign("/"), letter("τ")]);
  const power = (index) => m("msup", letter("e"), m("mrow", under("ω", i, index), ...cool()));
  const term = soft ? power : (index) => under("ω", i, index);
  const top = shift ? `score ${shift < 0 ? "+" : "−"} ${show(Math.abs(shift))}` : "score";
  const cooled = shift ? `(${top})` : top;
  const name = temperature === 1 ? `exp(${top})` : `exp(${cooled} ÷ ${brief(temperature)})`;
  return {
    formula: [under("α", i, j), sign("="), m("mfrac", term(j), m("mrow", summed("j"), term("j")))],
    value: heads[head].weights[i]?.[j],
    caption: `Weight of ${words[j]} for ${words[i]}`,
    sum: `${show(terms[j])} ÷ ${show(add(terms))}`,
    head: words.slice(0, row.length),
    rows: [["score", row], ...(soft ? [[name, terms]] : [])],
    marked: j,
  };
}

function part({ words, w_value }, { heads, wide, v }, { i, j, c }) {
  const own = Math.floor(c / wide);
  const alpha = heads[own].weights[i]?.[j] ?? NaN;
  const coordinates = range(wide).map((index) => index + own * wide);
  const values = coordinates.map((index) => v[j][index]);
  const weights = values.map(() => alpha);
  return {
    formula: [under("α", i, j), under(w_value ? "v" : "x", j, c)],
    value: alpha * v[j][c],
    caption: `What ${words[i]} takes from ${words[j]}, coordinate ${c}`,
    sum: `${show(alpha)} × ${show(v[j][c])}`,
    head: coordinates,
    rows: [["weight", weights], [`× value of ${words[j]}`, values], ["=", times(weights, values)]],
    marked: c - own * wide,
  };
}

function context({ words, w_value }, { heads, wide, v }, { i, c }) {
  const { scores, weights } = heads[Math.floor(c / wide)];
  const alphas = weights[i] ?? scores[i].map(() => NaN);
  const values = alphas.map((_, j) => v[j][c]);
  const terms = [under("α", i, "j"), under(w_value ? "v" : "x", "j", c)];
  return {
    formula: [under("z", i, c), sign("="), summed("j"), ...terms],
    value: dot(alphas, values),
    caption: `What ${words[i]} becomes, coordinate ${c}`,
    head: words.slice(0, alphas.length),
    rows: [["weight", alphas], [`× coordinate ${c}`, values], ["=", times(alphas, values)]],
  };
}

function projected(state, steps, { kind, i, c }) {
  const matrix = state[{ q: "w_query", k: "w_key", v: "w_value" }[kind]];
  const a = state.x[i];
  const b = matrix ? column(matrix, c) : a.map((_, index) => Number(index === c));
  const entry = m("msub", sign(")"), m("mrow", letter("m"), sign(","), atom(c)));
  const terms = [under("x", i, "m"), sign("("), under("W", kind), entry];
  return {
    formula: [under(kind, i, c), sign("="), summed("m"), ...terms],
    value: steps[kind][i][c],
    caption: `${{ q: "Query", k: "Key", v: "Value" }[kind]} of ${state.words[i]}, coordinate ${c}`,
    head: a.map((_, index) => index),
    rows: [[state.words[i], a], [`× column ${c}`, b], ["=", times(a, b)]],
  };
}

/* What a step asks and answers, around the word that asks; or why it has no good answer. */
function question({ step, normalization }, scores, weights) {
  if (normalization === "sum" && step !== "scores") {
    const total = add(scores);
    if (!weights) {
      return ["The scores of ", " sum to zero. Nothing can be divided by that: it has no weights."];
    }
    if (total < 0) {
      return ["The scores of ", ` sum to ${show(total)}. Dividing by less than zero turns their order.`];
    }
    if (Math.min(...scores) < 0) {
      return ["", " has a negative score, hence a negative weight, which is no share of anything."];
    }
  }
  return {
    scores: ["How well does each word match ", "? Its key is multiplied with the query."],
    weights: ["How much does ", " listen to each word? The scores become shares of one."],
    contributions: ["What does ", " take from each word? The value of the word times its weight."],
    context: ["What does ", " become? The sum of all that it takes, column by column."],
  }[step];
}

/* The steps of one query as a table: cells with their text, looks, and the number they point at. */
function tabulate({ state, steps }) {
  const { words, query: i, head, step } = state;
  const { scores, weights } = steps.heads[head];
  const [row, alphas] = [scores[i], weights[i]];
  const mixing = step === "contributions" || step === "context";
  const bars = { scores: row, weights: alphas }[step] ?? [];
  const low = Math.min(0, ...bars);
  const reach = Math.max(0, ...bars) - low || 1;
  const bar = (number) => ({
    look: "lab-bar",
    "--from": ((Math.min(0, number) - low) / reach).toFixed(3),
    "--to": ((Math.max(0, number) - low) / reach).toFixed(3),
  });
  const seen = (j) => j < row.length;
  const scored = (j) => ({
    text: seen(j) ? show(row[j]) : "hidden",
    point: { kind: "score", i, j },
    ...(step === "scores" ? bar(row[j] ?? 0) : {}),
  });
  const weighed = (j) => ({
    text: show(alphas ? (alphas[j] ?? 0) : NaN),
    point: { kind: "weight", i, j },
    ...(step === "weights" ? bar(alphas?.[j] ?? 0) : {}),
  });
  const mixed = mixing ? mix(state, steps) : { cells: () => [], names: [], sums: [] };
  const lines = words.map((word, j) => ({
    look: seen(j) ? "" : "lab-hidden",
    cells: [
      { text: word },
      ...(mixing ? [] : [scored(j)]),
      ...(step === "scores" ? [] : [weighed(j)]),
      ...mixed.cells(j),
    ],
  }));
  const total = { text: alphas ? show(add(alphas)) : "–" };
  const sums = {
    scores: [{ text: "" }, { text: "" }],
    weights: [{ text: "sum" }, { text: "" }, total],
    contributions: [{ text: "" }, { text: "" }, ...mixed.names.map(() => ({ text: "" }))],
    context: [{ text: "sum" }, total, ...mixed.sums],
  }[step];
  const names = { scores: ["score"], weights: ["score", "weight"] }[step] ?? ["weight"];
  const columns = [{ text: "key" }, ...names.map((text) => ({ text })), ...mixed.names];
  return { columns, lines, sums };
}

/* The contributions to a query, with the heads side by side as in the result. */
function mix({ query: i, head }, { heads, wide, v, context: z }) {
  const of = (c) => Math.floor(c / wide);
  const alpha = (j, c) => heads[of(c)].weights[i]?.[j] ?? (heads[of(c)].weights[i] ? 0 : NaN);
  const products = v.map((row, j) => row.map((number, c) => alpha(j, c) * number));
  const most = Math.max(...products.flat().map((number) => Math.abs(number) || 0)) || 1;
  const other = (c) => (of(c) === head ? "" : " lab-other");
  return {
    names: v[0].map((_, c) => ({ text: String(c), label: `contribution, coordinate ${c}` })),
    cells: (j) =>
      products[j].map((number, c) => ({
        text: show(number),
        point: { kind: "part", i, j, c },
        look: `lab-heat${other(c)}`,
        "--share": (Math.abs(number) / most || 0).toFixed(3),
      })),
    sums: v[0].map((_, c) => ({
      text: show(z[i]?.[c] ?? NaN),
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
    else if (value !== false && value !== null) node.setAttribute(name, value === true ? "" : value);
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
const atom = (index) => m(typeof index === "number" ? "mn" : "mi", index);
const summed = (name) => m("msub", sign("∑"), letter(name));

function under(name, ...indices) {
  const listed = indices.flatMap((index, place) => [...(place ? [sign(",")] : []), atom(index)]);
  return m("msub", letter(name), m("mrow", ...listed));
}

/* Write only what differs, since what is written again is laid out again; and into the text that is
 * there, since a new node would have all style rules about children looked at. */
function write(node, text) {
  const { firstChild } = node;
  if (!firstChild) node.append(text);
  else if (firstChild.data !== text) firstChild.data = text;
}

function mark(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

function style(node, name, value) {
  if (node.style.getPropertyValue(name) !== String(value)) node.style.setProperty(name, value);
}

/* Bring a row of a table up to date: texts, looks, and what its numbers point at. */
function fillLine(line, cells) {
  const nodes = fill(line, cells.length, (place) =>
    place ? h("td", { tabindex: -1 }) : h("th", { scope: "row" }),
  );
  nodes.forEach((node, place) => {
    const { point, ...cell } = cells[place];
    const before = node.cell ?? {};
    Object.assign(node, { cell, point });
    if (point?.kind !== before.kind) mark(node, "data-kind", point?.kind ?? null);
    cell.kind = point?.kind;
    if (cell.text !== before.text) write(node, cell.text);
    if (cell.look !== before.look) node.className = cell.look ?? "";
    for (const name of ["--from", "--to", "--share"]) {
      if (cell[name] !== before[name]) node.style.setProperty(name, cell[name] ?? "");
    }
  });
}

/* Give a parent as many children as wanted; they come and go at its end. */
function fill(parent, count, make) {
  while (parent.children.length > count) parent.lastElementChild.remove();
  while (parent.children.length < count) parent.append(make(parent.children.length));
  return [...parent.children];
}

const button = (text, click, look = "lab-button") =>
  h("button", { type: "button", class: look, click }, text);

/* Radio buttons that look like words or tabs: arrow keys and touch come with them. */
function choice(name, label, look, change) {
  const group = h("div", { class: `lab-choice ${look}`, role: "radiogroup", "aria-label": label });
  group.addEventListener("change", ({ target }) => change(target.value));
  group.make = () => h("label", {}, h("input", { type: "radio", name }), h("span"));
  return group;
}

function offer(group, options, chosen) {
  fill(group, options.length, group.make).forEach(({ children: [input, text] }, place) => {
    input.value = options[place][0];
    input.checked = options[place][0] === chosen;
    write(text, options[place][1]);
  });
}

const named = (name) => name[0].toUpperCase() + name.slice(1);

/* Move among the numbers of a table by the arrow keys, as in any grid. */
function walk(event) {
  const table = event.currentTarget;
  const rows = [...table.rows].map((row) => [...row.querySelectorAll("[data-kind]")]);
  const lines = rows.filter((row) => row.length);
  const row = lines.findIndex((line) => line.includes(event.target));
  if (row < 0) return;
  const place = lines[row].indexOf(event.target);
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const ends = { Home: -Infinity, End: Infinity };
  const [down, right] = moves[event.key] ?? [0, ends[event.key]];
  if (right === undefined) return;
  event.preventDefault();
  const line = lines[Math.max(0, Math.min(row + down, lines.length - 1))];
  line[Math.max(0, Math.min(place + right, line.length - 1))].focus();
}

/* The tab key enters a grid at one number, the last that was chosen. */
function enterable(grid) {
  if (!grid.querySelector("[data-kind][tabindex='0']")) grid.querySelector("[data-kind]").tabIndex = 0;
}

const shownBy = (controls, name) => !controls || controls.includes(name);

/* A text as long as fits. */
function clipped(brush, text, room) {
  if (brush.measureText(text).width <= room) return text;
  let length = text.length - 1;
  while (length > 0 && brush.measureText(`${text.slice(0, length)}…`).width > room) length -= 1;
  return length ? `${text.slice(0, length)}…` : "";
}

/* Draw the map, and say where its cells lie. What is hidden, or undefined, stays empty. */
function paint(brush, { rows, head, words, width, height, colors }) {
  const count = words.length;
  const numbers = rows.flat().flatMap((row) => row ?? []);
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  const top = height / (Math.min(count, 12) + 1);
  const tall = (height - top) / count;
  brush.font = colors.font;
  brush.textBaseline = "middle";
  const longest = Math.max(...words.map((word) => brush.measureText(word).width));
  const left = tall < 12 ? 0 : Math.min(longest + 8, width / 3);
  const wide = (width - left) / count;
  brush.fillStyle = colors.ink;
  if (left) {
    brush.textAlign = "right";
    brush.fillStyle = colors.soft;
    brush.fillText(clipped(brush, "query ↓", left - 8), left - 8, top / 2);
    brush.fillStyle = colors.ink;
    words.forEach((word, i) => brush.fillText(clipped(brush, word, left - 8), left - 8, top + (i + 0.5) * tall));
  }
  if (left && wide > 20) {
    brush.textAlign = "center";
    words.forEach((word, j) => brush.fillText(clipped(brush, word, wide - 2), left + (j + 0.5) * wide, top / 2));
  } else {
    brush.textAlign = "left";
    brush.fillStyle = colors.soft;
    brush.fillText("query ↓ key →", left, top / 2);
  }
  const gap = tall < 12 ? 0 : 1;
  const each = (draw) =>
    rows[head].forEach((row, i) =>
      row?.forEach((number, j) => {
        const share = (number - least) / (most - least || 1);
        draw(left + j * wide, top + i * tall, share, number);
      }),
    );
  brush.fillStyle = colors.low;
  each((x, y) => brush.fillRect(x, y, wide - gap, tall - gap));
  brush.fillStyle = colors.high;
  each((x, y, share) => {
    brush.globalAlpha = share;
    if (share > 0.01) brush.fillRect(x, y, wide - gap, tall - gap);
  });
  brush.globalAlpha = 1;
  brush.textAlign = "center";
  if (wide > 30 && gap) {
    each((x, y, share, number) => {
      brush.fillStyle = share > 0.6 ? colors.onHigh : colors.onLow;
      brush.fillText(clipped(brush, show(number, 2), wide), x + wide / 2, y + tall / 2);
    });
  }
  return { left, top, width: wide, height: tall };
}

/* The colors of the page's figures, which a drawing cannot take from the style sheet itself. */
function palette(canvas) {
  const styles = getComputedStyle(canvas);
  const color = (name) => styles.getPropertyValue(`--fig-${name}`).trim() || "gray";
  const [low, high, onLow, onHigh] = ["low", "high", "on-low", "on-high"].map(color);
  const font = `${styles.fontSize} ${styles.fontFamily}`;
  return { low, high, onLow, onHigh, ink: color("ink"), soft: color("muted"), font };
}

function put(frame, left, top, width, height) {
  style(frame, "transform", `translate(${left}px, ${top}px)`);
  style(frame, "width", `${width}px`);
  style(frame, "height", `${height}px`);
}

const same = (a, b) => Boolean(a && b) && ["kind", "i", "j", "c"].every((name) => a[name] === b[name]);

/* How a link names a lab: by its id, else by its place on the page. */
const keyOf = (lab) =>
  lab.id || String([...document.querySelectorAll("attention-lab")].indexOf(lab));

let labs = 0;

class AttentionLab extends HTMLElement {
  #start = null; // the state of the build, to which `reset` goes back
  #state = null;
  #steps = null;
  #point = null; // the number that was chosen to be explained
  #parts = null;
  #size = { width: 0, height: 0 }; // of the map
  #plot = null; // where the map has its cells
  #drawn = []; // what the map shows
  #edited = null; // the steps whose numbers the panels show
  #colors = null;
  #watch = null;
  #speech = 0;

  // What a page may use.

  get state() {
    return structuredClone(this.#state);
  }

  set state(given) {
    const { title = "", controls = CONTROLS } = this.#state ?? {};
    this.#enter(checked({ title, controls, ...given }));
  }

  get result() {
    return summarize(this.#state, this.#steps);
  }

  get link() {
    const [address] = location.href.split("#");
    return `${address}#lab=${keyOf(this)}&${encode(this.#state)}`;
  }

  get python() {
    return python(this.#state);
  }

  reset() {
    this.#enter(this.#start);
  }

  // Coming and going.

  connectedCallback() {
    if (this.#parts) this.#listen();
    else this.#begin();
  }

  disconnectedCallback() {
    this.#watch?.abort();
    clearTimeout(this.#speech);
  }

  #begin() {
    const script = this.querySelector("script");
    if (!script) return;
    try {
      this.#enter(checked(JSON.parse(script.textContent)));
      this.#follow();
    } catch (error) {
      // The table and the heatmap stay.
      this.prepend(h("p", { class: "lab-note" }, `This lab cannot start: ${error.message}.`));
    }
  }

  #listen() {
    this.#watch?.abort();
    this.#watch = new AbortController();
    const { signal } = this.#watch;
    addEventListener("hashchange", () => this.#follow(), { signal });
    const recolor = () => {
      this.#colors = null;
      this.#draw();
    };
    for (const query of ["(prefers-color-scheme: dark)", "print"]) {
      matchMedia(query).addEventListener("change", recolor, { signal });
    }
    const scheme = new MutationObserver(recolor);
    scheme.observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
    const size = new ResizeObserver(([{ contentRect }]) => {
      this.#size = contentRect;
      this.#draw();
    });
    size.observe(this.#parts.canvas);
    signal.addEventListener("abort", () => [scheme, size].forEach((watch) => watch.disconnect()));
  }

  /* Where the address carries a state for this lab, take it. */
  #follow() {
    const [, key, text] = location.hash.match(/^#lab=([^&]*)&?(.*)$/s) ?? [];
    if (key === undefined) return;
    const all = [...document.querySelectorAll("attention-lab")];
    const meant = all.find((lab) => keyOf(lab) === key);
    if ((meant ?? all[0]) !== this) return;
    try {
      demand(meant, "its lab is not on this page");
      this.state = decode(text);
    } catch (error) {
      const reason = error instanceof URIError ? "a word in it is garbled" : error.message;
      this.#tell(`This link could not be used: ${reason}. The lab is as it was.`);
    }
    this.scrollIntoView({ block: "start" });
  }

  // Changes.

  /* Take a whole state, which has been checked. */
  #enter(state) {
    this.#start ??= state;
    this.#state = state;
    this.#steps = attend(state);
    this.#point = null;
    if (this.#parts) {
      this.#tell("");
      this.#render(true);
    } else {
      this.#parts = this.#build();
      this.#render(true);
      if (this.isConnected) this.#listen();
    }
  }

  /* Take changes that go together. */
  #change(changes, spoken = () => "") {
    this.#state = { ...this.#state, ...changes };
    const view = ["query", "step", "head"];
    if (Object.keys(changes).some((name) => !view.includes(name))) {
      this.#steps = attend(this.#state);
    }
    this.#render();
    this.#say(spoken());
  }

  #ask(query) {
    if (query === this.#state.query) return;
    const { kind } = this.#point ?? {};
    if (kind && !"qkv".includes(kind)) this.#point = { ...this.#point, i: query };
    this.#change({ query }, () => this.#leader());
  }

  #go(step) {
    this.#point = null;
    this.#change({ step }, () => `${named(step)}. ${this.#parts.sentence.textContent}`);
  }

  #put({ name, row, column }, number) {
    const matrix = this.#state[name];
    this.#change({ [name]: matrix.with(row, matrix[row].with(column, number)) });
  }

  #add() {
    const { words, x } = this.#state;
    const mean = x[0].map((_, c) => Number((add(column(x, c)) / x.length).toPrecision(2)));
    this.#change({ words: [...words, "new"], x: [...x, mean] }, () => "A word was added.");
    this.#edit(words.length);
  }

  #remove(index) {
    const { words, x, query } = this.#state;
    const keep = (_, other) => other !== index;
    const next = Math.min(query > index ? query - 1 : query, words.length - 2);
    this.#point = null;
    this.#change(
      { words: words.filter(keep), x: x.filter(keep), query: next },
      () => `${words[index]} was removed.`,
    );
    this.#edit(Math.min(index, words.length - 2));
  }

  #edit(index) {
    const input = this.#parts.inputs.children[index].querySelector("input");
    input.focus();
    input.select();
  }

  #rename(input, index) {
    const word = input.value.trim();
    const wrong = !word ? "A word needs a letter." : isWord(word) ? "" : "That cannot be shown.";
    this.#judge(input, wrong);
    if (!wrong) this.#change({ words: this.#state.words.with(index, word) });
  }

  // Words to the reader: what is wrong, beside it, and a voice for those who cannot see.

  #tell(text) {
    write(this.#parts.note, text);
    this.#parts.note.hidden = !text;
  }

  #judge(input, wrong, remark = "") {
    const note = input.closest("[role=group]").querySelector(".lab-note");
    input.wrong = wrong;
    mark(input, "aria-invalid", wrong ? true : null);
    mark(input, "aria-describedby", wrong || remark ? note.id : null);
    const others = input.closest("[role=group]").querySelectorAll("[aria-invalid]");
    const text = wrong || remark || others[0]?.wrong || "";
    write(note, text === wrong && wrong ? `${wrong} Until then the last good one counts.` : text);
    note.hidden = !text;
  }

  #say(text) {
    clearTimeout(this.#speech);
    if (text) this.#speech = setTimeout(() => write(this.#parts.voice, text), 250);
  }

  /* Who gets most of the query's weight, said after what changes it. */
  #leader() {
    const { words, query, head } = this.#state;
    const row = this.#steps.heads[head].weights[query];
    if (!row) return `${words[query]} has no weights.`;
    const best = row.indexOf(Math.max(...row));
    return `${words[query]} gives most weight, ${show(row[best], 2)}, to ${words[best]}.`;
  }

  async #copy(text, pressed) {
    const { paper } = this.#parts;
    try {
      await navigator.clipboard.writeText(text);
      paper.hidden = true;
      this.#say("Copied.");
      pressed.name ||= pressed.textContent;
      write(pressed, "Copied");
      setTimeout(() => write(pressed, pressed.name), 1500);
    } catch {
      paper.hidden = false;
      paper.value = text;
      paper.select();
    }
  }

  // Making the parts, once.

  #build() {
    const own = `lab-${labs++}`;
    const parts = {
      title: h("p", { class: "lab-title" }),
      note: this.#buildNote(`${own}-note`),
      words: choice(`${own}-query`, "Query", "lab-words", (value) => this.#ask(Number(value))),
      steps: choice(`${own}-step`, "Step", "lab-tabs", (step) => this.#go(step)),
      next: button("", () => this.#next(), "lab-next"),
      sentence: h("p"),
      formula: m("math"),
      ...this.#buildTrace(),
      ...this.#buildMap(),
      ...this.#buildMade(),
      ...this.#buildSwitches(own),
      ...this.#buildWords(own),
      ...this.#buildMatrices(own),
      paper: h("textarea", { readonly: true, hidden: true, rows: 4, "aria-label": "Text to copy" }),
      voice: h("p", { class: "lab-unseen", role: "status" }),
    };
    const { wordPanel, matrixPanel } = parts;
    parts.folds = [this.#buildFold("Edit words", wordPanel), this.#buildFold("Matrices", matrixPanel)];
    parts.stepper = h("div", { class: "lab-stepper" }, parts.steps, parts.next);
    parts.formula.setAttribute("display", "block");
    const link = button("Copy link", () => this.#copy(this.link, link));
    const code = button("Copy Python", () => this.#copy(this.python, code));
    const reset = button("Reset", () => this.reset());
    const lab = h("div", { class: "lab" });
    lab.append(h("div", { class: "lab-top" }, parts.title, reset), parts.note);
    lab.append(h("div", { class: "lab-asking" }, h("span", {}, "query"), parts.words), parts.stepper);
    lab.append(h("div", { class: "lab-said" }, parts.sentence, h("div", {}, parts.formula)));
    lab.append(parts.trace, parts.map, parts.made, parts.switches);
    lab.append(h("div", { class: "lab-tools" }, ...parts.folds, link, code), parts.paper);
    lab.append(h("div", { class: "lab-panels" }, wordPanel, matrixPanel), parts.voice);
    this.replaceChildren(lab);
    return parts;
  }

  #buildFold(name, panel) {
    const open = this.hasAttribute("full");
    const fold = button(name, () => {
      panel.hidden = !panel.hidden;
      mark(fold, "aria-expanded", !panel.hidden);
      this.#render(true);
    });
    mark(fold, "aria-expanded", open);
    mark(fold, "aria-controls", panel.id);
    panel.hidden = !open;
    return fold;
  }

  #next() {
    this.#go(STEPS[(STEPS.indexOf(this.#state.step) + 1) % STEPS.length]);
  }

  /* A table whose numbers can be pointed at, by a pointer or by the arrow keys. */
  #buildGrid(name, label, ...children) {
    const grid = h("table", { class: name, role: "grid", "aria-label": label }, ...children);
    for (const type of ["mouseover", "focusin", "click"]) {
      grid.addEventListener(type, ({ target }) => {
        const cell = target.closest("[data-kind]");
        if (cell) this.#explain(cell.point, type === "focusin");
      });
    }
    grid.addEventListener("focusin", ({ target }) => {
      for (const cell of grid.querySelectorAll("[tabindex='0']")) cell.tabIndex = -1;
      target.tabIndex = 0;
    });
    grid.addEventListener("keydown", walk);
    return grid;
  }

  #buildTrace() {
    const head = h("tr");
    const body = h("tbody");
    const foot = h("tr");
    const table = this.#buildGrid(
      "lab-table",
      "Steps of the query",
      h("thead", {}, head),
      body,
      h("tfoot", {}, foot),
    );
    return { trace: h("div", { class: "lab-trace" }, table), table, head, body, foot };
  }

  #buildMap() {
    const canvas = h("canvas", { role: "img" });
    const row = h("div", { class: "lab-map-row" });
    const cell = h("div", { class: "lab-map-cell" });
    const at = ({ offsetX, offsetY }) => {
      const { left, top, width, height } = this.#plot;
      const [i, j] = [(offsetY - top) / height, (offsetX - left) / width].map(Math.floor);
      const inside = [i, j].every((index) => index >= 0 && index < this.#state.words.length);
      return inside ? { kind: this.#mapped, i, j } : null;
    };
    canvas.addEventListener("pointermove", (event) => {
      const point = at(event);
      if (point) this.#explain(point);
    });
    canvas.addEventListener("click", (event) => {
      const point = at(event);
      if (!point) return;
      this.#ask(point.i);
      this.#explain(point);
    });
    return { map: h("div", { class: "lab-map" }, canvas, row, cell), canvas, row, cell };
  }

  #buildMade() {
    const caption = h("p");
    const terms = h("table", { class: "lab-terms" });
    const made = h(
      "div",
      { class: "lab-made", role: "group", "aria-label": "How the number was made" },
      caption,
      h("div", { role: "group", tabindex: 0, "aria-label": "Terms" }, terms),
    );
    return { made, caption, terms };
  }

  #buildSwitches(own) {
    const tick = (name, ...text) => {
      const change = () => this.#change({ [name]: input.checked }, () => this.#leader());
      const input = h("input", { type: "checkbox", change });
      return { input, label: h("label", { class: "lab-tick" }, input, h("span", {}, ...text)) };
    };
    const norm = choice(`${own}-norm`, "Scores become weights by", "lab-tabs", (normalization) =>
      this.#change({ normalization }, () => this.#leader()),
    );
    const root = h("span");
    const [scale, causal] = [tick("scale", "Divide by ", root), tick("causal", "Hide later words")];
    const slider = h("input", { type: "range", min: -4, max: 4, step: "any", "aria-label": "Temperature" });
    slider.addEventListener("input", () => {
      this.#change({ temperature: Number((2 ** slider.value).toPrecision(2)) });
    });
    const take = (temperature) => this.#change({ temperature });
    const degree = this.#buildBox(() => this.#state.temperature, take, 1 / LARGEST);
    const number = h("select", { "aria-label": "Number of heads" });
    number.addEventListener("change", () => {
      this.#change({ num_heads: Number(number.value), head: 0 }, () => this.#leader());
    });
    const head = choice(`${own}-head`, "Head that is shown", "lab-tabs", (value) => {
      this.#point = null;
      this.#change({ head: Number(value) }, () => this.#leader());
    });
    const cells = {
      normalization: [norm],
      scale: [scale.label],
      causal: [causal.label],
      temperature: [h("span", {}, "Temperature"), slider, degree],
      heads: [h("span", {}, "Heads"), number, head],
    };
    const cell = (control) => h("div", { "data-control": control }, ...cells[control]);
    const lines = [["normalization", "scale", "causal"], ["temperature", "heads"]].map((line) =>
      h("div", { class: "lab-line" }, ...line.map(cell)),
    );
    const switches = h("div", { class: "lab-switches", role: "group", "aria-label": "Settings" });
    switches.append(...lines, this.#buildNote(`${own}-settings`));
    mark(degree, "aria-label", "Temperature as a number");
    return { switches, norm, root, scale: scale.input, causal: causal.input, slider, degree, number, heads: head };
  }

  #buildNote(id) {
    return h("p", { class: "lab-note", id, role: "status", hidden: true });
  }

  /* A box for one number. It shows the number briefly, and exactly while it is edited. */
  #buildBox(value, take, least) {
    const box = h("input", { type: "text", class: "lab-number", autocomplete: "off", spellcheck: "false" });
    const judge = () => {
      const { number, wrong = "", remark } = read(box.value, least);
      if (!wrong) take(number);
      this.#judge(box, wrong, remark);
    };
    const nudge = (by) => Number((value() + by).toPrecision(12));
    box.addEventListener("input", judge);
    box.addEventListener("focus", () => {
      if (!box.wrong) box.value = value();
      box.select();
    });
    box.addEventListener("blur", () => {
      if (!box.wrong) box.value = brief(value());
    });
    box.addEventListener("keydown", (event) => {
      const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!by && event.key !== "Escape") return;
      event.preventDefault();
      box.value = by ? nudge(by * (event.shiftKey ? 1 : 0.1)) : value();
      judge();
    });
    box.refresh = (fresh) => {
      const number = value();
      if (fresh) box.wrong = "";
      if (fresh) mark(box, "aria-invalid", null);
      if (fresh || (box.number !== number && box !== document.activeElement)) box.value = brief(number);
      box.number = number;
    };
    return box;
  }

  /* A box for a number of a matrix, tied to the slider of its panel. */
  #buildCell(place, slider) {
    const value = () => this.#state[place.name][place.row][place.column];
    const box = this.#buildBox(value, (number) => this.#put(place, number));
    box.addEventListener("focus", () => slider.bind(place, box.getAttribute("aria-label")));
    return box;
  }

  #buildWords(own) {
    const head = h("tr");
    const inputs = h("tbody");
    const slider = this.#buildSlider();
    const add = button("Add a word", () => this.#add());
    const wordPanel = h(
      "div",
      { class: "lab-panel", id: `${own}-words`, role: "group", "aria-label": "Words and vectors" },
      slider.label,
      this.#buildNote(`${own}-words-note`),
      h("div", { class: "lab-scroll" }, h("table", { class: "lab-inputs" }, h("thead", {}, head), inputs)),
      add,
    );
    return { wordPanel, inputs, inputHead: head, wordSlider: slider, add };
  }

  #buildMatrices(own) {
    const matrices = MATRICES.map((name) => {
      const caption = h("caption", {}, h("i", {}, "W"), h("sub", {}, name[2]));
      return h("table", { class: "lab-inputs" }, caption, h("tbody"));
    });
    const slider = this.#buildSlider();
    const products = this.#buildGrid("lab-products", "Queries, keys and values", h("thead"), h("tbody"));
    const matrixPanel = h(
      "div",
      { class: "lab-panel", id: `${own}-matrices`, role: "group", "aria-label": "Matrices" },
      slider.label,
      this.#buildNote(`${own}-matrices-note`),
      h("div", { class: "lab-matrices" }, ...matrices),
      h("div", { class: "lab-scroll" }, products),
    );
    return { matrixPanel, matrices, matrixSlider: slider, products };
  }

  /* A slider for the number that was last edited, so that a thumb can pull it. */
  #buildSlider() {
    const text = h("span");
    const input = h("input", { type: "range", step: "any" });
    const slider = { label: h("label", { class: "lab-slider" }, text, input), place: null };
    input.addEventListener("input", () => {
      this.#put(slider.place, Number(Number(input.value).toPrecision(3)));
    });
    const value = ({ name, row, column }) => this.#state[name]?.[row]?.[column];
    slider.bind = (place, name) => {
      const reach = 2 * Math.max(1, Math.abs(value(place)));
      Object.assign(slider, { place });
      Object.assign(input, { min: -reach, max: reach });
      write(text, name);
      slider.refresh();
    };
    slider.refresh = () => {
      const number = slider.place && value(slider.place);
      if (typeof number !== "number") return false;
      if (input !== document.activeElement) input.value = number;
      mark(input, "aria-valuetext", brief(number));
      return true;
    };
    return slider;
  }

  // Bringing the parts up to date.

  #render(fresh = false) {
    style(this, "--words", this.#state.words.length);
    this.firstElementChild.classList.toggle("lab-many", this.#state.words.length > 16);
    this.#renderWords();
    this.#renderSteps();
    this.#renderTrace();
    this.#renderSwitches(fresh);
    this.#renderPanels(fresh);
    this.#draw();
    this.#renderPoint();
  }

  #renderSteps() {
    const { title, stepper, steps, next } = this.#parts;
    const { step, controls } = this.#state;
    const last = step === STEPS.at(-1);
    write(title, this.#state.title ?? "");
    stepper.hidden = !shownBy(controls, "steps");
    offer(steps, STEPS.map((name) => [name, named(name)]), step);
    mark(next, "aria-label", last ? "Back to the first step" : "Next step");
    write(next, last ? "↺" : "→");
  }

  #renderWords() {
    const { words, query, head } = this.#state;
    const group = this.#parts.words;
    const row = this.#steps.heads[head].weights[query] ?? [];
    const most = Math.max(...row.map(Math.abs)) || 1;
    const before = group.querySelector(":checked");
    offer(group, words.map((word, j) => [String(j), word]), String(query));
    [...group.children].forEach((label, j) => {
      style(label.lastChild, "--share", Math.abs((row[j] ?? 0) / most).toFixed(2));
    });
    const chosen = group.children[query];
    if (before === chosen.firstChild) return;
    // Not before the frame that lays it out anyway.
    requestAnimationFrame(() => {
      group.scrollLeft = chosen.offsetLeft - (group.clientWidth - chosen.offsetWidth) / 2;
    });
  }

  #renderTrace() {
    const { table, head, body, foot } = this.#parts;
    const { columns, lines, sums } = tabulate(this.#view);
    table.dataset.step = this.#state.step;
    fill(head, columns.length, () => h("th", { scope: "col" })).forEach((cell, place) => {
      write(cell, columns[place].text);
      mark(cell, "aria-label", columns[place].label ?? null);
    });
    fill(body, lines.length, () => h("tr")).forEach((line, j) => {
      fillLine(line, lines[j].cells);
      line.className = lines[j].look;
    });
    fillLine(foot, sums);
    enterable(table);
  }

  #renderSwitches(fresh) {
    const { switches, norm, root, scale, causal, slider, degree, number, heads } = this.#parts;
    const { state } = this.#view;
    const sum = state.normalization === "sum";
    for (const line of switches.querySelectorAll(".lab-line")) {
      const cells = [...line.children];
      for (const cell of cells) cell.hidden = !shownBy(state.controls, cell.dataset.control);
      line.hidden = cells.every((cell) => cell.hidden);
    }
    offer(norm, [["softmax", "Softmax"], ["sum", "Sum"]], state.normalization);
    write(root, `√${this.#steps.width}`);
    Object.assign(scale, { checked: state.scale });
    Object.assign(causal, { checked: state.causal });
    // Divided by their sum, scores lose whatever they all were divided by before.
    for (const input of [slider, degree]) input.disabled = sum;
    if (slider !== document.activeElement) slider.value = Math.log2(state.temperature);
    mark(slider, "aria-valuetext", brief(state.temperature));
    degree.refresh(fresh);
    const widths = [this.#steps.k[0].length, this.#steps.v[0].length];
    fill(number, Math.min(16, Math.max(...widths)), (place) => h("option", { value: place + 1 }))
      .forEach((option, place) => {
        const no = widths.find((width) => width % (place + 1));
        option.disabled = no !== undefined;
        write(option, no ? `${place + 1}: does not divide ${no}` : String(place + 1));
      });
    number.value = state.num_heads;
    heads.hidden = state.num_heads === 1;
    const names = range(state.num_heads).map((place) => [String(place), String(place)]);
    offer(heads, names, String(state.head));
  }

  /* The panels show what is computed with, which neither another query nor another step changes. */
  #renderPanels(fresh) {
    if (!fresh && this.#edited === this.#steps) return;
    this.#edited = this.#steps;
    this.#renderInputs(fresh);
    this.#renderMatrices(fresh);
  }

  #renderInputs(fresh) {
    const { wordPanel, inputs, inputHead, wordSlider, add } = this.#parts;
    if (wordPanel.hidden) return;
    const { words, x } = this.#state;
    const width = x[0].length;
    fill(inputHead, width + 2, () => h("td")).forEach((cell, place) => {
      write(cell, place && place <= width ? String(place - 1) : "");
    });
    fill(inputs, words.length, (index) => this.#buildInputs(index)).forEach((line, index) => {
      const [name, ...boxes] = line.querySelectorAll("input");
      const last = line.lastElementChild;
      while (boxes.length > width) boxes.pop().parentNode.remove();
      while (boxes.length < width) {
        boxes.push(this.#buildCell({ name: "x", row: index, column: boxes.length }, wordSlider));
        last.before(h("td", {}, boxes.at(-1)));
      }
      for (const box of boxes) box.refresh(fresh);
      last.firstChild.disabled = words.length === 1;
      if (name.word === words[index] && !fresh) return;
      name.refresh(fresh);
      boxes.forEach((box, place) => mark(box, "aria-label", `${words[index]}, coordinate ${place}`));
      mark(last.firstChild, "aria-label", `Remove ${words[index]}`);
    });
    add.disabled = words.length >= MOST_WORDS;
    write(add, add.disabled ? `${MOST_WORDS} words are the most` : "Add a word");
    if (!wordSlider.refresh()) {
      wordSlider.bind({ name: "x", row: 0, column: 0 }, `${words[0]}, coordinate 0`);
    }
  }

  #buildInputs(index) {
    const name = h("input", { type: "text", "aria-label": `Word ${index}`, autocomplete: "off", maxlength: 40 });
    name.addEventListener("input", () => this.#rename(name, index));
    name.refresh = (fresh) => {
      const word = this.#state.words[index];
      if (fresh) name.wrong = "";
      if (fresh) mark(name, "aria-invalid", null);
      if (fresh || (!name.wrong && name !== document.activeElement)) name.value = word;
      name.word = word;
    };
    const remove = button("×", () => this.#remove(index), "lab-remove");
    return h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, remove));
  }

  #renderMatrices(fresh) {
    const { matrixPanel, folds, matrices, matrixSlider, products } = this.#parts;
    const some = MATRICES.find((name) => this.#state[name]);
    folds[1].hidden = !some;
    matrixPanel.classList.toggle("lab-none", !some);
    matrixPanel.parentNode.classList.toggle("lab-pair", Boolean(some) && !matrixPanel.hidden);
    if (matrixPanel.hidden || !some) return;
    MATRICES.forEach((name, index) => {
      const matrix = this.#state[name];
      matrices[index].hidden = !matrix;
      const body = matrices[index].lastElementChild;
      fill(body, matrix?.length ?? 0, () => h("tr")).forEach((line, row) => {
        fill(line, matrix[row].length, (column) => {
          const box = this.#buildCell({ name, row, column }, matrixSlider);
          mark(box, "aria-label", `W${name[2]}, row ${row}, column ${column}`);
          return h("td", {}, box);
        }).forEach((cell) => cell.firstChild.refresh(fresh));
      });
    });
    if (!matrixSlider.refresh()) {
      matrixSlider.bind({ name: some, row: 0, column: 0 }, `W${some[2]}, row 0, column 0`);
    }
    this.#renderProducts(products);
  }

  #renderProducts(products) {
    const { q, k, v } = this.#steps;
    const columns = Object.entries({ q, k, v }).flatMap(([kind, matrix]) =>
      matrix[0].map((_, c) => ({ kind, matrix, c })),
    );
    const [head, body] = products.children;
    const names = ["", ...columns.map(({ kind, c }) => `${kind} ${c}`)];
    const [titles] = fill(head, 1, () => h("tr"));
    fill(titles, names.length, () => h("th", { scope: "col" })).forEach((cell, place) => {
      write(cell, names[place]);
    });
    const { words } = this.#state;
    fill(body, words.length, () => h("tr")).forEach((line, i) => {
      const cells = columns.map(({ kind, matrix, c }) => ({
        text: show(matrix[i][c]),
        point: { kind, i, c },
        look: c === 0 ? "lab-first" : "",
      }));
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
    const wanted = [this.#steps, this.#mapped, head, words, width, height, colors];
    if (wanted.every((item, place) => item === this.#drawn[place])) return;
    this.#drawn = wanted;
    const scored = this.#mapped === "score";
    const rows = this.#steps.heads.map(({ scores, weights }) => (scored ? scores : weights));
    const density = devicePixelRatio;
    Object.assign(canvas, { width: width * density, height: height * density });
    const brush = canvas.getContext("2d");
    brush.scale(density, density);
    this.#plot = paint(brush, { rows, head, words, width, height, colors });
    const name = scored ? "Scores" : "Weights";
    mark(canvas, "aria-label", `${name} of all words: a row for each query, a column for each key`);
    this.#place();
  }

  /* Frame the row of the query and the cell that is explained. */
  #place() {
    if (!this.#plot) return;
    const { left, top, width, height } = this.#plot;
    const { row, cell } = this.#parts;
    const { query, words } = this.#state;
    const { kind, i, j } = this.#current;
    put(row, left, top + query * height, width * words.length, height);
    cell.hidden = kind !== "score" && kind !== "weight";
    if (!cell.hidden) put(cell, left + j * width, top + i * height, width, height);
  }

  // The number that is explained.

  get #view() {
    return { state: this.#state, steps: this.#steps };
  }

  /* The number that was pointed at, as long as there is one; else the most telling of the step. */
  get #current() {
    const { words, query, step, head, causal } = this.#state;
    const point = this.#point;
    const { q, k, v, wide } = this.#steps;
    const end = { q, k, v, part: v, context: v }[point?.kind]?.[0].length ?? Infinity;
    if (point && point.i < words.length && !(point.j >= words.length) && !(point.c >= end)) return point;
    const { scores, weights } = this.#steps.heads[head];
    const row = weights[query] ?? scores[query];
    const j = row.indexOf(Math.max(...row));
    const i = query;
    const c = head * wide;
    return {
      scores: { kind: "score", i, j },
      weights: { kind: "weight", i, j },
      contributions: { kind: "part", i, j, c },
      context: { kind: "context", i, c },
    }[step];
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
    const point = this.#current;
    const told = explain(this.#view, point);
    const known = Number.isFinite(told.value);
    const value = known ? [sign("="), m("mn", show(told.value))] : [];
    formula.replaceChildren(m("mrow", ...told.formula, ...value));
    const numbers = [told.sum, known && show(told.value)].filter(Boolean).join(" = ");
    write(caption, [told.caption, numbers].filter(Boolean).join(": "));
    const rows = told.rows.map(([name, row]) => [name, row.map((number) => (number === null ? "" : show(number)))]);
    const lines = rows.length ? [["", told.head], ...rows] : [];
    fill(terms, lines.length, () => h("tr")).forEach((line, place) => {
      const [name, texts] = lines[place];
      const look = (c) => (c === told.marked ? "lab-marked" : "");
      fillLine(line, [{ text: name }, ...texts.map((text, c) => ({ text, look: look(c) }))]);
    });
    this.#light(point);
    this.#place();
  }

  /* Mark the number that is explained where it stands. */
  #light(point) {
    const { table, products } = this.#parts;
    const cells = [...("qkv".includes(point.kind) ? products : table).querySelectorAll("[data-kind]")];
    const cell = cells.find((one) => same(one.point, point));
    for (const lit of this.querySelectorAll("[data-lit]")) if (lit !== cell) mark(lit, "data-lit", null);
    if (cell) mark(cell, "data-lit", "");
  }
}

customElements.get("attention-lab") ?? customElements.define("attention-lab", AttentionLab);
