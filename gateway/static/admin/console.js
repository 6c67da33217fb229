// What makes the console more comfortable; every page works without it.
(() => {
  "use strict";
  const announce = (text) => {
    const place = document.getElementById("announce");
    if (place) place.textContent = text;
  };

  // Buttons that copy are there only where copying works.
  const reveal = (root) => {
    if (!navigator.clipboard) return;
    for (const button of root.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
  };

  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      event.preventDefault();
      await navigator.clipboard.writeText(copy.dataset.copy);
      copy.classList.add("copied");
      announce("Copied");
      setTimeout(() => copy.classList.remove("copied"), 1200);
      return;
    }
    const more = event.target.closest("[data-more]");
    if (more) {
      event.preventDefault();
      addLine(more.dataset.more);
      return;
    }
    // A whole row opens, but for what can be clicked in it and text that is being selected.
    const row = event.target.closest("table.rows tbody tr");
    if (row && !event.target.closest("a, button, input, label, select, .tick") && !String(getSelection())) {
      const link = row.querySelector("a.title");
      if (link) link.click();
    }
  });

  const addLine = (name) => {
    const table = document.querySelector(`[data-lines="${CSS.escape(name)}"]`);
    const last = table.tBodies[0].rows[table.tBodies[0].rows.length - 1];
    const copy = last.cloneNode(true);
    const index = table.tBodies[0].rows.length;
    for (const input of copy.querySelectorAll("input, select, textarea")) {
      input.name = input.name.replace(/\.[0-9]+\./, `.${index}.`);
      input.id = input.id.replace(/-[0-9]+-/, `-${index}-`);
      if (input.ariaLabel) input.ariaLabel = input.ariaLabel.replace(/line [0-9]+$/, `line ${index + 1}`);
      input.value = "";
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
    }
    for (const fault of copy.querySelectorAll(".fault")) fault.remove();
    last.after(copy);
    copy.querySelector("input, select, textarea").focus();
  };

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-most]")) {
      const [most, text] = [Number(event.target.dataset.most), event.target.dataset.tooLarge];
      event.target.setCustomValidity([...event.target.files].some((file) => file.size > most) ? text : "");
    }
    if (event.target.matches("[data-tick-all]")) {
      const table = event.target.closest("table");
      for (const box of table.querySelectorAll('tbody input[type="checkbox"]')) box.checked = event.target.checked;
    }
  });

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const search = document.querySelector("[data-jump]");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
      }
    }
    if (event.key === "Escape" && event.target.matches("[data-jump]")) event.target.blur();
    const menu = document.getElementById("menu");
    if (event.key === "Escape" && menu && menu.open && !document.querySelector("dialog[open]")) {
      menu.open = false;
      menu.firstElementChild.focus();
    }
  });

  // A form is not sent twice by a double click; htmx looks after its own (hx-sync).
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000);
  });
  addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
  });

  // On a phone the tabs are wider than the page: the current one is brought into sight.
  const bring = () => {
    const tabs = document.querySelector(".tabs");
    const here = tabs && tabs.querySelector("[aria-current]");
    if (here) tabs.scrollLeft = here.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - here.offsetWidth) / 2;
  };

  document.addEventListener("htmx:afterSwap", (event) => {
    bring();
    reveal(event.target);
    const rows = document.getElementById("rows");
    if (rows && event.target.id === "rows") announce(`${rows.querySelectorAll("tbody tr").length} shown`);
  });
  // An empty field of a list's filters is no filter.
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.verb !== "get") return;
    const parameters = event.detail.parameters;
    for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
  });
  reveal(document);
  bring();
  const wrong = document.querySelector("form.form .fault")?.closest(".field, td")?.querySelector("input, select, textarea");
  if (wrong) wrong.focus();
})();
