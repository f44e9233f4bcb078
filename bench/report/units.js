/// Numbers as people read them. A family is a kind of quantity with its units by rising size.

const families = {
  latency: {units: [[1, "ns"], [1e3, "µs"], [1e6, "ms"], [1e9, "s"]]},
  seconds: {units: [[1, "s"]]},
  bytes: {units: [[1, "B"], [1e3, "kB"], [1e6, "MB"], [1e9, "GB"], [1e12, "TB"]]},
  byteRate: {units: [[1, "B/s"], [1e3, "kB/s"], [1e6, "MB/s"], [1e9, "GB/s"]]},
  memory: {units: [[1, "B"], [1024, "KiB"], [1024 ** 2, "MiB"], [1024 ** 3, "GiB"], [1024 ** 4, "TiB"]]},
  rate: {units: [[1, "/s"], [1e3, "k/s"], [1e6, "M/s"]]},
  cores: {units: [[1, "cores"]]},
  secondsPerGb: {units: [[1, "s/GB"]]},
  percent: {units: [[1, "%"]]},
  count: {units: [[1, ""]], whole: true},
};

const threeDigits = new Intl.NumberFormat("en", {minimumSignificantDigits: 3, maximumSignificantDigits: 3});
const upToThreeDigits = new Intl.NumberFormat("en", {maximumSignificantDigits: 3});
const wholeNumber = new Intl.NumberFormat("en", {maximumFractionDigits: 0});

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/// The largest unit in which `value` is at least 1, else the smallest.
function unitFor(family, value) {
  const units = families[family].units;
  const fitting = units.filter(([size]) => Math.abs(value) >= size * 0.9995);
  return fitting.length > 0 ? fitting[fitting.length - 1] : units[0];
}

/// The unit in which numbers that are compared are all easy to read: that of their geometric mean.
function commonUnit(family, values) {
  const positive = values.filter((value) => value > 0);
  const logs = positive.map(Math.log);
  return unitFor(family, positive.length === 0 ? 0 : Math.exp(logs.reduce((a, b) => a + b, 0) / logs.length));
}

function digits(value, trim) {
  if (value === 0) return "0";
  if (Math.abs(value) >= 999.5) return wholeNumber.format(value);
  return (trim ? upToThreeDigits : threeDigits).format(value);
}

/// "1.25 GB/s". Without `unit`, in the one that fits; `trim` leaves away zeros at the end.
function format(family, value, {unit = unitFor(family, value), trim = false} = {}) {
  if (!isNumber(value)) return "–";
  const [size, name] = unit;
  const text = families[family].whole ? wholeNumber.format(value) : digits(value / size, trim);
  return name === "" ? text : `${text}\u00a0${name}`;
}

/// 2.5 nines is "99.684 %".
function formatNines(nines) {
  const text = (100 * (1 - 10 ** -nines)).toFixed(Math.max(1, Math.ceil(nines)));
  return `${text.replace(/\.?0+$/, "")}\u00a0%`;
}

function formatRatio(ratio) {
  return `${ratio >= 99.5 ? wholeNumber.format(ratio) : ratio >= 9.95 ? ratio.toFixed(1) : ratio.toFixed(2)}×`;
}

/// A text of a document without what is not seen but changes how the rest is read: controls and marks of direction.
function printable(text) {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\ufffd");
}

function formatDate(text) {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? printable(text) : `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
