// What stands on the pages of the prompts beside their forms. Without this script each form does all its work.
// Words are read aloud by the browser, where it has a voice of their language; callers hear another voice.
// What somebody writes is kept as they write it, so that it is still there when their session is over.
"use strict";
(() => {
  const PAUSE = 1200; // After the last key.
  const synthesis = window.speechSynthesis;

  const voiceFor = (locale) => {
    const [wanted, region] = locale.toLowerCase().replace("cmn", "zh").replace("fil", "tl").split(/[-_]/);
    const near = synthesis.getVoices().filter((each) => {
      const [spoken] = each.lang.toLowerCase().replace("cmn", "zh").replace("fil", "tl").split(/[-_]/);
      return spoken === wanted;
    });
    return near.find((each) => each.lang.toLowerCase().endsWith(region ?? "")) ?? near[0];
  };

  const showButtons = () => {
    for (const button of document.querySelectorAll("[data-aloud]")) button.hidden = !voiceFor(button.dataset.voice);
  };

  const readAloud = (button) => {
    const words = button.querySelector("span"), label = words.textContent, running = synthesis.speaking;
    synthesis.cancel();
    if (running && button.getAttribute("aria-pressed") === "true") return;
    const said = new SpeechSynthesisUtterance(document.getElementById(button.dataset.aloud).textContent);
    said.voice = voiceFor(button.dataset.voice);
    said.lang = said.voice.lang;
    const over = () => {
      words.textContent = label;
      button.setAttribute("aria-pressed", "false");
    };
    said.addEventListener("end", over);
    said.addEventListener("error", over);
    words.textContent = button.dataset.stop;
    button.setAttribute("aria-pressed", "true");
    synthesis.speak(said);
  };

  if (synthesis) {
    showButtons();
    synthesis.addEventListener?.("voiceschanged", showButtons); // Voices may come late.
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-aloud]");
      if (button) readAloud(button);
    });
    window.addEventListener("pagehide", () => synthesis.cancel());
  }

  for (const area of document.querySelectorAll("textarea[data-keep-at]")) {
    const told = area.form.querySelector("[data-kept]");
    let kept = area.value, waiting;

    const keep = async () => {
      clearTimeout(waiting);
      if (area.value === kept || !area.value.trim()) return;
      const text = area.value, form = new FormData();
      form.set("csrf_token", area.form.elements.csrf_token.value);
      form.set("text", text);
      const answer = await fetch(area.dataset.keepAt, { method: "POST", body: form, redirect: "manual", keepalive: true }).catch(() => null);
      if (!answer) return;
      if (answer.ok) kept = text;
      const out = answer.type === "opaqueredirect" || answer.status === 400;
      told.textContent = answer.ok ? told.dataset.kept : out ? told.dataset.signedOut : told.dataset.notKept;
    };

    area.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(keep, PAUSE);
    });
    document.addEventListener("visibilitychange", () => document.hidden && keep());
  }
})();
