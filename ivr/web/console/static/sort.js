// The columns of a table can be sorted by a press on their heads; without this script they stand as they came.
"use strict";
(() => {
  for (const table of document.querySelectorAll("table[data-sort]")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((each) => each.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
        const rows = [...table.tBodies[0].rows].sort((one, other) => {
          const [a, b] = [value(one), value(other)];
          const numbers = a !== "" && b !== "" && !isNaN(a) && !isNaN(b);
          return (numbers ? a - b : a.localeCompare(b)) * (down ? -1 : 1);
        });
        table.tBodies[0].append(...rows);
      });
    });
  }
})();
