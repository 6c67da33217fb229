// What the hub refuses or does not answer is said where it was asked for, and a page never comes into a part's place.
(() => {
  "use strict";
  const SILENT = "The hub does not answer. Try again in a moment.";
  const POLLED = "The hub does not answer. The page asks again by itself.";

  const make = (text) => {
    const alert = document.getElementById("trouble").content.firstElementChild.cloneNode(true);
    alert.setAttribute("role", "alert");
    alert.querySelector("span").textContent = text;
    return alert;
  };

  // What a problem's page says, without its ways out.
  const sentence = (page, status) => {
    const said = [...page.querySelectorAll(".blank.page p")].filter((one) => !one.querySelector("a"));
    return said.map((one) => one.textContent).join(" ") || `The hub answered with ${status}. Try again in a moment.`;
  };

  // A form's trouble stands where its result would; that of a part which asks by itself stands above the page.
  const tell = (asker, target, text) => {
    if (asker.matches("form")) {
      target.replaceChildren(make(text));
      return;
    }
    const old = asker.querySelector("[data-old]");
    const whole = old ? `${old.dataset.old} ${text}` : text;
    const shown = document.querySelector("main > .trouble");
    if (shown && shown.textContent === whole) return; // or a screen reader would say it at every poll
    const alert = make(whole);
    alert.classList.add("trouble");
    if (shown) shown.replaceWith(alert);
    else document.querySelector("main").prepend(alert);
  };

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, requestConfig, serverResponse, target } = event.detail;
    if (xhr.status === 204) return;
    const asker = requestConfig.elt;
    const selector = asker.getAttribute("hx-select");
    if (xhr.status < 400 && (selector || !/^\s*<!doctype/i.test(serverResponse))) {
      for (const one of document.querySelectorAll("main > .trouble")) one.remove();
      return;
    }
    const page = new DOMParser().parseFromString(serverResponse, "text/html");
    event.detail.isError = false; // it is told
    event.detail.shouldSwap = Boolean(selector && page.querySelector(selector));
    if (event.detail.shouldSwap) return;
    tell(asker, target, sentence(page, xhr.status));
    // A poll that is refused would be refused again: without its listeners the part stands still.
    if (xhr.status < 500 && !asker.matches("form")) asker.replaceWith(asker.cloneNode(true));
  });
  for (const name of ["htmx:sendError", "htmx:timeout"])
    document.addEventListener(name, (event) => {
      const { requestConfig, target } = event.detail;
      const asker = requestConfig.elt;
      tell(asker, target, asker.dataset.silent || (asker.matches("form") ? SILENT : POLLED));
    });
})();
