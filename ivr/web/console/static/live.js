// A live page is fetched anew every five seconds, part by part: a form that somebody fills in stays as it is.
// The page says so when it is not new any more: without a connection, or when our own side does not answer.
// Whoever is signed out meanwhile is led to the sign-in. Without this script the page is as it was when opened.
"use strict";
(() => {
  const SECONDS = 5, STALE = 15;
  const live = document.querySelector("[data-live]");
  const warning = document.querySelector("[data-stale]");
  if (!live) return;
  let fresh = Date.now();

  const inUse = (part) => [...part.querySelectorAll("details[open]")].some((each) => each.querySelector("form")) ||
    (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"));

  const leaves = (root) => [...root.querySelectorAll("[data-part]")].filter((part) => !part.querySelector("[data-part]"));

  const place = (part) => {
    const focused = document.activeElement;
    if (!part.contains(focused)) return null;
    const same = [...part.querySelectorAll("a, button, summary, [tabindex]")];
    return same.indexOf(focused);
  };

  const renew = (words) => {
    const come = new DOMParser().parseFromString(words, "text/html");
    const here = new Set(leaves(live).map((part) => part.dataset.part));
    const there = leaves(come).map((part) => part.dataset.part);
    if (there.length !== here.size || !there.every((name) => here.has(name))) {
      if (!inUse(live)) live.innerHTML = words; // Other agencies than before: nothing fits part by part.
      return;
    }
    for (const part of leaves(live)) {
      const next = come.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
      if (inUse(part) || next.outerHTML === part.outerHTML) continue;
      const at = place(part);
      part.className = next.className;
      part.innerHTML = next.innerHTML;
      if (at !== null && at >= 0) [...part.querySelectorAll("a, button, summary, [tabindex]")][at]?.focus();
    }
  };

  const judge = () => {
    const stale = !navigator.onLine || Date.now() - fresh > STALE * 1000;
    if (warning) warning.hidden = !stale;
    live.classList.toggle("is-stale", stale);
  };

  const refresh = async () => {
    if (document.hidden) return;
    const answer = await fetch(live.dataset.live, { redirect: "manual", signal: AbortSignal.timeout(SECONDS * 1000) }).catch(() => null);
    if (answer && answer.type === "opaqueredirect") location.reload();
    if (answer && answer.ok) {
      renew(await answer.text());
      fresh = Date.now();
    }
    judge();
  };

  setInterval(refresh, SECONDS * 1000);
  setInterval(judge, 1000);
  for (const event of ["online", "offline"]) window.addEventListener(event, judge);
  document.addEventListener("visibilitychange", refresh);
})();
