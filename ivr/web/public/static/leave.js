// The way out: the button, or the Escape key twice within two seconds, puts another page in the place of this one.
"use strict";
(() => {
  const link = document.querySelector("a.leave");
  let last = -Infinity;
  const leave = () => {
    document.documentElement.hidden = true; // At once, even where the other page is slow.
    window.location.replace(link.href);
  };
  link.addEventListener("click", (event) => {
    event.preventDefault();
    leave();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.repeat) return;
    if (event.timeStamp - last < 2000) leave();
    last = event.timeStamp;
  });
  // Whoever comes back by the browser's own button sees nothing that was kept in memory.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });
})();
