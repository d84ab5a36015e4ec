// A form of a passkey asks our side for a challenge, has the browser answer it, and is sent with the answer.
// Without this script, or where the browser knows no passkeys, or at another address, such a form is not shown.
"use strict";
(() => {
  const able = window.PublicKeyCredential && navigator.credentials;

  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
  const text = (buffer) => buffer && btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

  const options = (given) => ({
    ...given,
    challenge: bytes(given.challenge),
    ...(given.user && { user: { ...given.user, id: bytes(given.user.id) } }),
    ...(given.excludeCredentials && { excludeCredentials: given.excludeCredentials.map((each) => ({ ...each, id: bytes(each.id) })) }),
  });

  const answer = ({ id, rawId, type, response }) => JSON.stringify({
    id, rawId: text(rawId), type,
    response: {
      clientDataJSON: text(response.clientDataJSON),
      ...(response.attestationObject && { attestationObject: text(response.attestationObject) }),
      ...(response.signature && {
        authenticatorData: text(response.authenticatorData),
        signature: text(response.signature),
        ...(response.userHandle && { userHandle: text(response.userHandle) }),
      }),
    },
  });

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!able || location.origin !== form.dataset.origin) continue;
    const fault = form.querySelector("[data-fault]");
    const button = form.querySelector("button");
    const need = document.querySelector("[data-passkey-need]");
    const say = (words) => {
      fault.querySelector("span").textContent = words;
      fault.hidden = false;
      button.disabled = false;
    };
    form.hidden = false;
    if (need) need.hidden = true;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      fault.hidden = true;
      button.disabled = true;
      try {
        const come = await fetch(form.dataset.passkey, { method: "POST", body: new FormData(form), redirect: "manual" });
        if (!come.ok) {
          if (!come.headers.get("Content-Type")?.includes("json")) return location.reload(); // The session is over.
          return say((await come.json()).fault);
        }
        const publicKey = options(await come.json());
        const credential = await (publicKey.user ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey }));
        form.elements.credential.value = answer(credential);
        if (form.elements.password) form.elements.password.disabled = true; // It is asked for once.
        form.submit();
      } catch {
        say(form.dataset.gaveUp);
      }
    });
  }
})();
