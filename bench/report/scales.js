/// From values to pixels and back. A scale has `at(value)`, `from(pixel)` and `ticks`, the values that an axis names.

/// 1, 2 or 5 times a power of ten, at least `value`.
function roundStep(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= value * 0.999);
  return factor * power;
}

function linearScale([low, high], [begin, end], count, wanted = null) {
  const span = high > low ? high - low : 1;
  const step = wanted ?? roundStep(span / count);
  const ticks = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= low + span * 1.000001; ++index) ticks.push(index * step);
  return {
    at: (value) => begin + ((value - low) / span) * (end - begin),
    from: (pixel) => low + ((pixel - begin) / (end - begin)) * span,
    ticks,
  };
}

/// From 0, up to a tick at or above `high`; ticks are round numbers of `unit`.
function linearFromZero(high, range, count, unit = 1) {
  const top = high > 0 ? high : unit;
  const step = roundStep(top / unit / count) * unit;
  return linearScale([0, Math.ceil(top / step - 1e-9) * step], range, count, step);
}

/// Of positive numbers; the ends are moved outwards to 1, 2 or 5 times a power of ten.
function logScale([low, high], [begin, end]) {
  const bottom = floorStep(low);
  const top = Math.max(roundStep(high), bottom * 10);
  const span = Math.log10(top / bottom);
  const ticks = [];
  for (let power = Math.floor(Math.log10(bottom)); power <= Math.log10(top) + 1e-9; ++power) {
    for (const factor of span > 3.2 ? [1] : [1, 2, 5]) {
      const value = factor * 10 ** power;
      if (value >= bottom * 0.999 && value <= top * 1.001) ticks.push(value);
    }
  }
  return {
    at: (value) => begin + (Math.log10(value / bottom) / span) * (end - begin),
    from: (pixel) => bottom * 10 ** (((pixel - begin) / (end - begin)) * span),
    ticks,
  };
}

function floorStep(value) {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-12);
  return [5, 2, 1].find((factor) => factor * power <= value * 1.001) * power;
}

/// 0 %, 90 %, 99 % ... at the same distance each.
function ninesScale(high, range) {
  const top = Math.max(1, high);
  const scale = linearScale([0, top], range, 1);
  return {...scale, ticks: Array.from({length: Math.floor(top) + 1}, (_, index) => index)};
}

/// What a line of `width` pixels can show of its points: of many on one pixel, the lowest and the highest, in their order.
function thin(points, width) {
  if (points.length <= 3 * width) return points;
  const [first, last] = [points[0][0], points[points.length - 1][0]];
  const cells = new Map();
  for (const point of points) {
    const key = Math.floor(((point[0] - first) / (last - first || 1)) * width);
    const cell = cells.get(key);
    if (!cell) cells.set(key, {low: point, high: point, gap: point[1] === null});
    else if (point[1] === null) cell.gap = true;
    else if (cell.low[1] === null || point[1] < cell.low[1]) cell.low = point;
    else if (point[1] > cell.high[1]) cell.high = point;
  }
  const kept = [];
  for (const {low, high, gap} of cells.values()) {
    kept.push(...(low === high ? [low] : low[0] < high[0] ? [low, high] : [high, low]));
    if (gap && low[1] !== null) kept.push([high[0], null]);
  }
  return kept;
}
