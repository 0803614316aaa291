"use strict";

// The browser connects again by itself when a reload has ended the stream.
const panel = document.getElementById("steam");
const lines = [];

new EventSource(panel.dataset.stream).addEventListener("message", (event) => {
  lines.unshift(event.data);
  lines.length = Math.min(lines.length, 12);
  panel.textContent = lines.join("\n");
});
