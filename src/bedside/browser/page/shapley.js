// Shapley values against the signed background: bedside.explanation.shap again, with the same rules of when to stop.
//
// The game is v(S) = sum over b of weight[b] * f(case in S, background[b] elsewhere); unknown values are values like any
// other. All coalitions are enumerated where that takes few rows. Else variables are switched one by one in random orders
// (Strumbelj and Kononenko, Knowl Inf Syst 2014;41:647-665), each forwards and backwards (Mitchell et al., J Mach Learn
// Res 2022;23(43):1-46), with every prototype a stratum of its own.

export const EXACT_ROWS = 20_000;
export const MOST_ROWS = 17_408;
const ROWS_AT_ONCE = 2048;
const FEWEST_DEGREES = 20;

/**
 * `ask`: rows (Float32Array, one after the other) → their outputs; `values`: of the case; `background`: rows; `weights`
 * sum to 1. Gives base, values, error (largest standard error; 0 where all coalitions were enumerated) and rows asked.
 */
export async function shapley(ask, values, background, weights, { mostRows = MOST_ROWS, wantedError = 0.003, seed = 1 } = {}) {
  const point = Float32Array.from(values);
  const prototypes = background.map((row) => Float32Array.from(row, (value) => value ?? NaN));
  const active = [...point.keys()].filter((j) => !prototypes.every((row) => same(row[j], point[j])));
  const game = { ask, point, prototypes, weights, active };
  const ends = await asked(game, [...prototypes, point]);
  const [atPrototypes, atCase] = [ends.slice(0, -1), ends.at(-1)];
  const base = dot(weights, atPrototypes);
  let found = { values: active.map(() => atCase - base), error: 0, rows: ends.length };
  if (active.length > 1) {
    const exact = 2 ** active.length * prototypes.length <= Math.min(EXACT_ROWS, Math.max(mostRows, 1));
    found = await (exact ? enumerated(game, atCase) : sampled(game, atPrototypes, atCase, mostRows, wantedError, random(seed)));
  }
  const all = new Float64Array(point.length);
  active.forEach((j, player) => (all[j] = found.values[player]));
  return { base, values: all, error: found.error, rows: found.rows };
}

const same = (one, other) => one === other || (Number.isNaN(one) && Number.isNaN(other));
const dot = (one, other) => one.reduce((sum, value, place) => sum + value * other[place], 0);

/** The outputs of many rows, in few calls of the model. */
async function asked(game, rows) {
  const width = game.point.length;
  const found = [];
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    const piece = rows.slice(at, at + ROWS_AT_ONCE);
    const flat = new Float32Array(piece.length * width);
    piece.forEach((row, place) => flat.set(row, place * width));
    found.push(...(await game.ask(flat)));
  }
  return found;
}

async function enumerated(game, atCase) {
  const { active, prototypes, weights, point } = game;
  const rows = [];
  for (let coalition = 0; coalition < 1 << active.length; coalition++) {
    for (const prototype of prototypes) {
      const row = prototype.slice();
      active.forEach((j, player) => (coalition >> player) & 1 && (row[j] = point[j]));
      rows.push(row);
    }
  }
  const outputs = await asked(game, rows);
  const worth = Array.from({ length: 1 << active.length }, (_, coalition) =>
    dot(weights, outputs.slice(coalition * prototypes.length, (coalition + 1) * prototypes.length)),
  );
  worth[worth.length - 1] = atCase;
  const shares = shapleyWeights(active.length);
  const values = active.map((_, player) =>
    worth.reduce((sum, value, coalition) => {
      if ((coalition >> player) & 1) return sum;
      return sum + shares[bits(coalition)] * (worth[coalition | (1 << player)] - value);
    }, 0),
  );
  return { values, error: 0, rows: outputs.length + prototypes.length + 1 };
}

function bits(number) {
  let count = 0;
  for (; number; number &= number - 1) count++;
  return count;
}

/** size! (players - size - 1)! / players!: the weight of one coalition of `size` others. */
function shapleyWeights(players) {
  const weights = [1 / players];
  for (let size = 1; size < players; size++) weights.push((weights[size - 1] * size) / (players - size));
  return weights;
}

async function sampled(game, atPrototypes, atCase, mostRows, wantedError, draw) {
  const strata = game.prototypes.length;
  const everyone = Array.from({ length: strata }, (_, place) => place);
  const again = shuffled(strata, draw);
  // Every prototype once, then some of them again to see the spread, then the others, then whole rounds.
  const batches = [everyone, again.slice(0, FEWEST_DEGREES), again.slice(FEWEST_DEGREES)].filter((batch) => batch.length);
  const rowsAWalk = 2 * (game.active.length - 1);
  const tally = emptyTally(strata, game.active.length);
  for (let rows = strata + 1; ; ) {
    const batch = batches.shift() ?? everyone;
    add(tally, batch, await walks(game, batch, atPrototypes, atCase, draw));
    rows += batch.length * rowsAWalk;
    const degrees = tally.count.reduce((sum, count) => sum + Math.max(count - 1, 0), 0);
    if (degrees < 1) continue;
    const error = standardError(tally, game.weights);
    const coming = (batches[0] ?? everyone).length * rowsAWalk;
    if ((error <= wantedError && degrees >= FEWEST_DEGREES) || rows + coming > mostRows) {
      const values = game.active.map((_, player) => dot(game.weights, tally.mean.map((mean) => mean[player])));
      return { values, error, rows };
    }
  }
}

const emptyTally = (strata, players) => ({
  count: new Array(strata).fill(0),
  mean: Array.from({ length: strata }, () => new Float64Array(players)),
  squares: Array.from({ length: strata }, () => new Float64Array(players)),
});

/** One more pair for each stratum of the batch, by Welford's update. */
function add(tally, batch, moves) {
  batch.forEach((stratum, place) => {
    const count = ++tally.count[stratum];
    const [mean, squares] = [tally.mean[stratum], tally.squares[stratum]];
    moves[place].forEach((move, player) => {
      const before = move - mean[player];
      mean[player] += before / count;
      squares[player] += before * (move - mean[player]);
    });
  });
}

/** Of the stratified mean, for the player with the largest; a stratum with one pair takes the mean variance of the others. */
function standardError(tally, weights) {
  const seen = [...tally.count.keys()].filter((stratum) => tally.count[stratum] > 1);
  let largest = 0;
  for (let player = 0; player < tally.mean[0].length; player++) {
    const variance = (stratum) => tally.squares[stratum][player] / (tally.count[stratum] - 1);
    const usual = seen.reduce((sum, stratum) => sum + variance(stratum), 0) / seen.length;
    const total = tally.count.reduce(
      (sum, count, stratum) => sum + (weights[stratum] ** 2 / count) * (count > 1 ? variance(stratum) : usual),
      0,
    );
    largest = Math.max(largest, total);
  }
  return Math.sqrt(largest);
}

/** An antithetic pair from each prototype in the batch: how far each player moved the output, mean of both ways. */
async function walks(game, batch, atPrototypes, atCase, draw) {
  const { active, point, prototypes } = game;
  const steps = active.length - 1;
  const orders = batch.map(() => shuffled(active.length, draw));
  const rows = [];
  batch.forEach((stratum, place) => {
    const [forward, backward] = [prototypes[stratum].slice(), point.slice()];
    for (const player of orders[place].slice(0, steps)) {
      forward[active[player]] = point[active[player]];
      backward[active[player]] = prototypes[stratum][active[player]];
      rows.push(forward.slice(), backward.slice());
    }
  });
  const outputs = await asked(game, rows);
  return batch.map((stratum, place) => {
    const at = (step, way) => outputs[2 * (place * steps + step) + way];
    const moves = new Float64Array(active.length);
    orders[place].forEach((player, step) => {
      const forward = (step < steps ? at(step, 0) : atCase) - (step ? at(step - 1, 0) : atPrototypes[stratum]);
      const backward = (step ? at(step - 1, 1) : atCase) - (step < steps ? at(step, 1) : atPrototypes[stratum]);
      moves[player] = (forward + backward) / 2;
    });
    return moves;
  });
}

function shuffled(length, draw) {
  const order = Array.from({ length }, (_, place) => place);
  for (let last = length - 1; last > 0; last--) {
    const other = Math.floor(draw() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

/** Numbers from 0 to 1 that the seed decides: sfc32 by Chris Doty-Humphrey (PractRand), warmed up. */
function random(seed) {
  let [a, b, c, count] = [0x9e3779b9, 0x243f6a88, seed >>> 0, 1];
  const draw = () => {
    const sum = (((a + b) | 0) + count) | 0;
    count = (count + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum | 0;
    return (sum >>> 0) / 4294967296;
  };
  for (let step = 0; step < 16; step++) draw();
  return draw;
}
