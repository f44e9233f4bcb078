/// Elements, made without ever reading text as HTML: what stands in a document is shown, never obeyed.

const svgNamespace = "http://www.w3.org/2000/svg";

/// Names with "on" add a listener, "style" takes an object, the rest are attributes; null and false leave one out.
function dress(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(node.style, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

function html(tag, attributes = {}, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return dress(document.createElementNS(svgNamespace, tag), attributes, children);
}

function byId(id) {
  return document.getElementById(id);
}

/// A square in a run's colour with the run's number, for those who cannot tell the colours apart.
function badge(run) {
  return html("span", {class: "badge", style: {background: run.colour}, "aria-hidden": "true"}, String(run.number));
}

/// A labelled choice; `choices` are [value, text].
function select(label, choices, chosen, change) {
  const options = choices.map(([value, text]) =>
    html("option", {value, selected: String(value) === String(chosen)}, text));
  return html("label", {class: "choice"}, `${label} `,
    html("select", {onchange: (event) => change(event.target.value)}, options));
}
