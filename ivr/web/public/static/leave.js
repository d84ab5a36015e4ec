// The way out: the button, or the Shift key three times within five seconds, puts another page in the place of this one.
// Links within the site do the same, so that a tab holds one entry of ours at most, and Back after leaving shows none.
"use strict";
(() => {
  const WITHIN = 5000;
  const PRESSES = 3;
  const button = document.querySelector("a.leave");
  let presses = 0;
  let alone = false; // Whether Shift went down and nothing else since.
  let forgets;

  const count = (pressed) => {
    presses = pressed;
    if (pressed) button.dataset.presses = pressed;
    else delete button.dataset.presses;
  };
  const leave = () => {
    document.documentElement.hidden = true; // At once, even where the other page is slow.
    window.location.replace(button.href);
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || event.defaultPrevented) return;
    if (link === button) {
      event.preventDefault();
      leave();
    } else if (link.origin === window.location.origin) {
      event.preventDefault();
      window.location.replace(link.href);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.repeat) return;
    alone = event.key === "Shift";
    if (!alone) count(0); // Somebody types.
  });
  document.addEventListener("keyup", (event) => {
    if (event.key !== "Shift" || !alone) return;
    alone = false;
    window.clearTimeout(forgets);
    count(presses + 1);
    if (presses >= PRESSES) leave();
    else forgets = window.setTimeout(() => count(0), WITHIN);
  });
  // Whoever comes back by the browser's own button sees nothing that was kept in memory.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });
})();
