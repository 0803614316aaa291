"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const ROW = 23;
  const THINNEST = 1.5;
  const FIRST_ROWS = 25;

  // One root around everything: the places of modules are moved by one.
  const nodes = [{ name: data.command, kind: "root", begin: 0, time: data.total, own: 0, depth: 0, path: "", importer: "", nested: [] }];
  for (const [name, kind, begin, time, own, parent, depth, path, importer] of data.modules) {
    nodes.push({ name, kind, begin, time, own, depth: depth + 1, path, importer, parent: nodes[parent + 1], nested: [] });
  }
  nodes.forEach((node, place) => {
    node.place = place;
    if (node.parent) node.parent.nested.push(node);
  });
  nodes[0].own = data.total - nodes[0].nested.reduce((sum, node) => sum + node.time, 0);

  const time = (seconds) => {
    const ms = seconds * 1000;
    return `${ms.toLocaleString("en", { maximumFractionDigits: ms < 9.5 ? 1 : 0 })} ms`;
  };
  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  // The chart

  const icicle = byId("icicle");
  let zoomed = nodes[0];
  let current = nodes[0];
  let sought = "";

  const isAround = (node) => node !== zoomed && zoomed.begin >= node.begin && isAncestor(node, zoomed);
  const isAncestor = (node, of) => {
    while (of && of !== node) of = of.parent;
    return of === node;
  };
  const isHit = (node) => sought !== "" && node.name.toLowerCase().includes(sought);

  const visible = (width) => {
    const scale = width / zoomed.time;
    const found = [];
    const add = (node) => {
      if (node.time * scale < THINNEST) return;
      found.push(node);
      node.nested.forEach(add);
    };
    for (let node = zoomed.parent; node; node = node.parent) found.unshift(node);
    add(zoomed);
    return found;
  };

  const draw = () => {
    const width = icicle.clientWidth || 800;
    const scale = width / (zoomed.time || 1);
    const shown = visible(width);
    const kept = new Set(shown);
    for (const node of nodes) {
      if (node.button && !kept.has(node)) {
        node.button.remove();
        node.button = undefined;
      }
    }
    let rows = 0;
    for (const node of shown) {
      const around = isAround(node);
      const left = around ? 0 : (node.begin - zoomed.begin) * scale;
      const size = around ? width : Math.max(node.time * scale - 1, 1);
      const button = node.button ?? makeButton(node);
      button.style.left = `${left}px`;
      button.style.width = `${size}px`;
      button.style.top = `${node.depth * ROW}px`;
      const label = node === nodes[0] ? `${node.name} · ${time(node.time)}` : node.name;
      button.textContent = size > 28 ? label : "";
      button.className = [
        node.kind,
        size < 8 ? "thin" : "",
        around ? "around" : "",
        sought ? (isHit(node) ? "hit" : "off") : "",
      ].join(" ");
      button.tabIndex = node === current ? 0 : -1;
      rows = Math.max(rows, node.depth + 1);
    }
    if (!current.button) {
      current = zoomed;
      zoomed.button.tabIndex = 0;
    }
    icicle.style.height = `${rows * ROW}px`;
    drawAxis(width, scale);
    drawFlags(width, scale);
    byId("out").disabled = zoomed === nodes[0];
  };

  const makeButton = (node) => {
    const button = (node.button = element("button"));
    button.type = "button";
    button.dataset.place = node.place;
    button.setAttribute("role", "treeitem");
    button.setAttribute("aria-level", node.depth + 1);
    button.setAttribute("aria-label", `${node.name}: ${time(node.time)}, alone ${time(node.own)}`);
    icicle.append(button);
    return button;
  };

  const drawAxis = (width, scale) => {
    const axis = byId("axis");
    axis.replaceChildren();
    const wanted = zoomed.time / Math.max(2, width / 110);
    const power = 10 ** Math.floor(Math.log10(wanted || 1));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= wanted);
    for (let at = Math.ceil(zoomed.begin / step) * step; at < zoomed.begin + zoomed.time; at += step) {
      const left = (at - zoomed.begin) * scale;
      if (left > width - 40) break;
      const mark = element("span", "", time(Math.abs(at) < 1e-12 ? 0 : at));
      mark.style.left = `${left}px`;
      axis.append(mark);
    }
  };

  const drawFlags = (width, scale) => {
    const flags = byId("flags");
    flags.replaceChildren();
    const lanes = [];
    const end = zoomed.begin + zoomed.time;
    const drawn = [];
    for (const [label, at, reason] of data.points) {
      if (at < zoomed.begin || at > end) continue;
      const flag = element("button", reason ? "refused" : "", label);
      flag.type = "button";
      flag.title = reason ? `no copy: ${reason}` : `a copy at ${time(at)}`;
      flag.addEventListener("click", () => tellStop(label, at, reason));
      flags.append(flag);
      const size = flag.offsetWidth;
      const left = Math.min((at - zoomed.begin) * scale, width - 1);
      // At the right edge the flag flies to the left.
      const from = left + size > width ? Math.max(0, left - size) : left;
      let lane = lanes.findIndex((used) => used + 4 <= from);
      if (lane < 0) lane = lanes.push(0) - 1;
      lanes[lane] = from + size;
      flag.style.left = `${from}px`;
      flag.style.top = `${lane * 20}px`;
      drawn.push([left, lane]);
    }
    const height = Math.max(1, lanes.length) * 20;
    flags.style.height = `${height}px`;
    const below = icicle.offsetHeight + byId("axis").offsetHeight;
    for (const [left, lane] of drawn) {
      const line = element("i");
      line.style.left = `${left}px`;
      line.style.top = `${lane * 20}px`;
      line.style.height = `${height - lane * 20 + below}px`;
      flags.append(line);
    }
  };

  const detail = byId("detail");
  const fact = (title, value) => {
    const made = element("span", "", `${title} `);
    made.append(element("b", "", value));
    return made;
  };
  const tell = (node) => {
    detail.replaceChildren(
      element("span", "name", node.name),
      fact("together", time(node.time)),
      fact(node === nodes[0] ? "in no import" : "alone", time(node.own)),
      fact("begins at", time(node.begin)),
    );
    if (node.importer) detail.append(fact("imported by", node.importer));
    if (node.path) detail.append(fact("from", node.path));
    if (node.kind === "missing") detail.append(fact("", "gave no module"));
  };
  const tellStop = (label, at, reason) => {
    detail.replaceChildren(
      element("span", "name", label),
      fact(reason ? "no copy at" : "a copy at", time(at)),
      ...(reason ? [fact("because", reason)] : []),
    );
  };

  const zoom = (node) => {
    zoomed = node.time > 0 ? node : node.parent;
    current = node;
    draw();
    tell(node);
  };
  const go = (node) => {
    if (!node || !node.button) return;
    if (current.button) current.button.tabIndex = -1;
    current = node;
    node.button.tabIndex = 0;
    node.button.focus();
    tell(node);
  };
  const neighbour = (step) => {
    const row = [...icicle.children]
      .map((button) => nodes[button.dataset.place])
      .filter((node) => node.depth === current.depth)
      .sort((one, other) => one.begin - other.begin);
    return row[row.indexOf(current) + step];
  };
  const longest = (node) =>
    node.nested.filter((one) => one.button).sort((one, other) => other.time - one.time)[0];

  const keys = {
    ArrowRight: () => go(neighbour(1)),
    ArrowLeft: () => go(neighbour(-1)),
    ArrowUp: () => go(current.parent),
    ArrowDown: () => go(longest(current)),
    Home: () => go(nodes[0]),
    Escape: () => zoom(zoomed.parent ?? zoomed),
    Backspace: () => zoom(zoomed.parent ?? zoomed),
  };
  icicle.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
    current.button?.focus();
  });
  icicle.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const node = nodes[button.dataset.place];
    zoom(node === zoomed && node.parent ? node.parent : node);
    current.button?.focus({ preventScroll: true });
  });
  icicle.addEventListener("mouseover", (event) => {
    const button = event.target.closest("button");
    if (button) tell(nodes[button.dataset.place]);
  });
  icicle.addEventListener("mouseleave", () => tell(current));
  byId("out").addEventListener("click", () => zoom(nodes[0]));
  byId("find").addEventListener("input", (event) => {
    sought = event.target.value.trim().toLowerCase();
    const hits = nodes.slice(1).filter(isHit);
    const together = hits.reduce((sum, node) => sum + node.own, 0);
    byId("found").textContent = sought ? `${hits.length} found, alone ${time(together)}` : "";
    draw();
  });
  new ResizeObserver(draw).observe(icicle.parentElement);

  // The table

  const body = document.querySelector("#slowest tbody");
  let key = "own";
  let descending = true;
  let rows = FIRST_ROWS;
  const fill = () => {
    const sorted = nodes.slice(1).sort((one, other) => {
      const order = typeof one[key] === "string" ? one[key].localeCompare(other[key]) : one[key] - other[key];
      return descending ? -order : order;
    });
    body.replaceChildren(...sorted.slice(0, rows).map(row));
    byId("more").hidden = rows >= sorted.length;
  };
  const row = (node) => {
    const made = element("tr");
    const name = element("td");
    const link = element("button", "", node.name);
    link.type = "button";
    link.addEventListener("click", () => {
      zoom(node);
      byId("chart").scrollIntoView({ behavior: "instant" });
      current.button?.focus({ preventScroll: true });
    });
    name.append(element("i", `swatch ${node.kind}`), link);
    made.append(
      name,
      element("td", "number", time(node.own)),
      element("td", "number", time(node.time)),
      element("td", "soft", node.importer),
    );
    return made;
  };
  for (const head of document.querySelectorAll("#slowest th button")) {
    head.addEventListener("click", () => {
      const isText = ["name", "importer"].includes(head.dataset.key);
      descending = head.dataset.key === key ? !descending : !isText;
      key = head.dataset.key;
      for (const other of document.querySelectorAll("#slowest th")) other.setAttribute("aria-sort", "none");
      head.parentElement.setAttribute("aria-sort", descending ? "descending" : "ascending");
      fill();
    });
  }
  byId("more").addEventListener("click", () => {
    rows *= 4;
    fill();
  });

  fill();
  draw();
  tell(nodes[0]);
})();
