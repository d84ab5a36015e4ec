// A live part is fetched anew every five seconds; without this script the page is as it was when it was opened.
// Whoever is signed out meanwhile is led to the sign-in: a page that stands still must not look as if it were new.
"use strict";
(() => {
  const part = document.querySelector("[data-live]");
  if (!part) return;
  setInterval(async () => {
    if (document.hidden || part.contains(document.activeElement)) return;
    const answer = await fetch(part.dataset.live, { redirect: "manual" }).catch(() => null);
    if (answer && answer.type === "opaqueredirect") location.reload();
    if (answer && answer.ok) part.innerHTML = await answer.text();
  }, 5000);
})();
