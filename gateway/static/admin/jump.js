// Ctrl-K (or Cmd-K), or its button, opens the jump box; what is typed narrows the places below it.
(() => {
  "use strict";
  const box = document.getElementById("jump");
  if (!box) return;
  const input = document.getElementById("jump-to");
  const links = [...box.querySelectorAll("a")];
  const shown = () => links.filter((link) => !link.parentElement.hidden);
  const open = () => {
    box.showModal();
    input.select();
  };
  document.querySelector(".jump-link")?.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (box.open) box.close();
      else open();
    }
  });
  input.addEventListener("input", () => {
    const text = input.value.trim().toLowerCase();
    for (const link of links) link.parentElement.hidden = !link.textContent.toLowerCase().includes(text);
  });
  box.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const places = [input, ...shown()];
    const next = places.indexOf(document.activeElement) + step;
    places[(next + places.length) % places.length].focus();
  });
  // Enter goes to the only place that is left; anything else is for the server to find.
  input.form.addEventListener("submit", (event) => {
    if (shown().length !== 1) return;
    event.preventDefault();
    location.assign(shown()[0].href);
  });
  box.addEventListener("click", (event) => {
    if (event.target === box) box.close();
  });
})();
