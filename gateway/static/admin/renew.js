// A part that renews itself is changed in place: what has the focus, is pressed or is selected stays the element that it was.
(() => {
  "use strict";
  const ELEMENT = Node.ELEMENT_NODE;
  const parts = (node) =>
    [...node.childNodes].filter((one) => one.nodeType === ELEMENT || (one.nodeType === Node.TEXT_NODE && one.data.trim()));
  // One that asks no more has to go: a poll ends with its element.
  const isSame = (old, fresh) =>
    old.nodeName === fresh.nodeName &&
    (old.nodeType !== ELEMENT || (old.id === fresh.id && old.hasAttribute("hx-get") === fresh.hasAttribute("hx-get")));

  const renew = (old, fresh) => {
    if (old.nodeType !== ELEMENT) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    renewInside(old, fresh);
  };
  const renewInside = (old, fresh) => {
    const there = parts(old);
    const wanted = parts(fresh);
    for (const [index, node] of wanted.entries()) {
      if (index >= there.length) old.append(node);
      else if (isSame(there[index], node)) renew(there[index], node);
      else there[index].replaceWith(node);
    }
    for (const rest of there.slice(wanted.length)) rest.remove();
  };

  window.htmx.defineExtension("renew", {
    isInlineSwap: (style) => style === "renew",
    handleSwap: (style, target, fragment) => {
      if (style !== "renew") return false;
      const whole = fragment.firstElementChild;
      if (!target.id || !whole || whole.id !== target.id) {
        renewInside(target, fragment);
        return [target];
      }
      if (!isSame(target, whole)) {
        target.replaceWith(whole);
        return [whole];
      }
      renew(target, whole);
      return [target];
    },
  });
})();
