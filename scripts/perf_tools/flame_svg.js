// What moves in a flame graph: a click zooms, Escape resets, Ctrl-F searches by a regular expression.
// The address may carry both: file.svg#search=tcp_.*
(function () {
  "use strict";
  const svg = document.documentElement;
  const side = +svg.dataset.side, letter = +svg.dataset.letter, total = +svg.dataset.total;
  const hover = document.getElementById("hover");
  const frames = Array.from(document.querySelectorAll("g.f"), (g) => ({
    g, begin: +g.dataset.b, count: +g.dataset.n, depth: +g.dataset.d, name: g.dataset.name,
    rect: g.querySelector("rect"), text: g.querySelector("text"), said: g.querySelector("title").textContent, found: false,
  }));
  if (!frames.length) return;
  let zoomed = frames[0], pattern = null;

  function element(name, attributes, parent) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    return parent.appendChild(made);
  }

  // As flame_svg.py's fitted(): outer namespaces go first, then the end.
  function fitted(name, width) {
    const room = Math.floor((width - 6) / letter);
    while (name.length > room && name.split("<")[0].includes("::")) name = name.slice(name.indexOf("::") + 2);
    if (name.length <= room) return name;
    return room >= 4 ? name.slice(0, room - 1) + "\u2026" : "";
  }

  function place(frame, x, width) {
    frame.g.style.display = "";
    frame.rect.setAttribute("x", x);
    frame.rect.setAttribute("width", Math.max(width - 0.5, 0.2));
    frame.text.setAttribute("x", x + 3);
    frame.text.textContent = fitted(frame.name, width);
  }

  // The zoomed frame and those under it take the whole width; what stands beside them is hidden.
  function layout() {
    const width = svg.clientWidth || 1200;
    const inner = width - 2 * side, scale = inner / zoomed.count, end = zoomed.begin + zoomed.count;
    svg.setAttribute("viewBox", `0 0 ${width} ${svg.getAttribute("height")}`);
    for (const frame of frames) {
      const under = frame.depth < zoomed.depth && frame.begin <= zoomed.begin && frame.begin + frame.count >= end;
      const inside = frame.depth >= zoomed.depth && frame.begin >= zoomed.begin && frame.begin + frame.count <= end;
      frame.g.classList.toggle("above", under);
      if (under) place(frame, side, inner);
      else if (inside && frame.count * scale >= 0.2) place(frame, side + (frame.begin - zoomed.begin) * scale, frame.count * scale);
      else frame.g.style.display = "none";
    }
    reset.style.display = zoomed === frames[0] ? "none" : "";
    box.setAttribute("x", width - side - 300);
    result.setAttribute("x", width - side - 300);
    reset.setAttribute("x", width - side - 400);
  }

  function zoom(frame) {
    zoomed = frame;
    layout();
    mark();
  }

  // What matches, each stack counted once: a match inside a match adds nothing.
  function mark() {
    let matched = 0;
    const covered = [];
    for (const frame of frames) {
      frame.found = pattern !== null && pattern.test(frame.name);
      frame.g.classList.toggle("found", frame.found);
      const shown = frame.begin >= zoomed.begin && frame.begin + frame.count <= zoomed.begin + zoomed.count;
      if (!frame.found || !shown) continue;
      if (covered.some((outer) => outer.begin <= frame.begin && outer.begin + outer.count >= frame.begin + frame.count)) continue;
      covered.push(frame);
      matched += frame.count;
    }
    const of = zoomed === frames[0] ? "all" : "what is shown";
    result.textContent = pattern === null ? "" : `matched: ${(100 * matched / zoomed.count).toFixed(2)} % of ${of}`;
  }

  function search(text) {
    try {
      pattern = text ? new RegExp(text) : null;
      mark();
    } catch (error) {
      result.textContent = "not a regular expression yet";
    }
  }

  const box = element("foreignObject", { y: 8, width: 300, height: 28 }, svg);
  const input = document.createElementNS("http://www.w3.org/1999/xhtml", "input");
  input.setAttribute("placeholder", "search by a regular expression (Ctrl-F)");
  box.appendChild(input);
  const result = element("text", { class: "said", y: 50 }, svg);
  const reset = element("text", { class: "said button", y: 25 }, svg);
  reset.textContent = "reset zoom";
  reset.addEventListener("click", () => zoom(frames[0]));
  input.addEventListener("input", () => search(input.value));
  window.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      input.value = "";
      input.blur();
      search("");
      zoom(frames[0]);
    } else if ((event.ctrlKey || event.metaKey) && event.key === "f") {
      event.preventDefault();
      input.focus();
      input.select();
    }
  });
  for (const frame of frames) {
    frame.g.addEventListener("click", () => zoom(frame));
    frame.g.addEventListener("mouseover", () => { hover.textContent = frame.said; });
    frame.g.addEventListener("mouseout", () => { hover.textContent = ""; });
  }
  window.addEventListener("resize", layout);

  svg.setAttribute("width", "100%");
  const wanted = /[#&]search=([^&]*)/.exec(window.location.hash);
  if (wanted) input.value = decodeURIComponent(wanted[1]);
  zoom(frames[0]);
  search(input.value);
})();
