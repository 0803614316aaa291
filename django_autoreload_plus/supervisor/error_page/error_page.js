(() => {
  "use strict";
  const root = document.documentElement;
  const path = root.dataset.wait;
  const byGet = "byGet" in root.dataset;
  const state = document.getElementById("state");
  const waiting = state.textContent;
  // Browsers open few connections to one host: one tab that learns the news tells the others.
  const tabs = "BroadcastChannel" in window ? new BroadcastChannel("autoreload-plus") : null;
  let leaving = false;
  let wake = () => {};

  function again() {
    if (leaving) return;
    leaving = true;
    state.textContent = "Fixed. Loading …";
    // Reloading the answer to a form would send the form once more.
    if (byGet) location.replace(location.href.split("#")[0]);
    else location.reload();
  }

  function pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      wake = () => { clearTimeout(timer); resolve(); };
    });
  }

  // "now": only whether anybody answers, after a time in which nobody did.
  async function ask(now) {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), 60000);
    try {
      const answer = await fetch(now ? `${path}&now=1` : path, {
        cache: "no-store", redirect: "manual", signal: patience.signal,
      });
      if (answer.headers.get("X-Autoreload-Plus") === null) {
        // Whoever answered, it is not the reloader: the application is back,
        // unless a proxy in between speaks for it.
        return [502, 503, 504].includes(answer.status) ? { state: "gone" } : { state: "live" };
      }
      return await answer.json();
    } catch {
      return { state: "gone" };
    } finally {
      clearTimeout(timer);
    }
  }

  async function watch() {
    let delay = 250;
    let lost = false;
    while (!leaving) {
      const news = await ask(lost);
      if (news.state === "live" || news.state === "failed") {
        if (tabs) tabs.postMessage(news.state === "live" ? "live" : news.id);
        again();
      } else if (news.state === "same") {
        delay = 250;
        lost = false;
        state.textContent = waiting;
        await pause(news.retry * 1000);
      } else {
        lost = true;
        state.textContent = "No connection: the command was stopped. Trying again …";
        await pause(delay);
        delay = Math.min(delay * 1.6, 1000);
      }
    }
  }

  if (tabs) tabs.onmessage = (event) => { if (!path.endsWith(event.data)) again(); };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) wake(); });
  window.addEventListener("online", () => wake());
  window.addEventListener("pageshow", (event) => { if (event.persisted) { leaving = false; watch(); } });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const source = button.dataset.copyFrom;
    const text = source ? document.getElementById(source).textContent : button.dataset.copy;
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without https only this machine's own names may use the clipboard that way.
      const field = document.createElement("textarea");
      field.value = text;
      field.className = "offscreen";
      document.body.append(field);
      field.select();
      done = document.execCommand("copy");
      field.remove();
      button.focus();
    }
    button.textContent = done ? "Copied" : "Select it";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });

  watch();
})();
