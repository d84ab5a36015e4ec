// A live part is fetched anew every five seconds; without this script the page is as it was when it was opened.
"use strict";
(() => {
  const part = document.querySelector("[data-live]");
  if (!part) return;
  setInterval(async () => {
    if (document.hidden || part.contains(document.activeElement)) return;
    const answer = await fetch(part.dataset.live, { redirect: "manual" }).catch(() => null);
    if (answer && answer.ok) part.innerHTML = await answer.text();
  }, 5000);
})();
