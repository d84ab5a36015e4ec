// What is shown once can be printed or copied by a press; without this script it is marked and copied by hand.
"use strict";
(() => {
  for (const button of document.querySelectorAll("[data-print], [data-copy]")) {
    const copies = button.dataset.copy;
    if (copies && !navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      if (!copies) return window.print();
      await navigator.clipboard.writeText(document.getElementById(copies).innerText.trim());
      button.querySelector("span").textContent = button.dataset.copied;
    });
  }
})();
