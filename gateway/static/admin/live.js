// Live events: rows are added as they come, at most 500 stay, and they are drawn at most a few times a second.
(() => {
  "use strict";
  const MOST = 500;
  const table = document.getElementById("events");
  const rows = table.tBodies[0];
  const link = document.getElementById("link");
  const pause = document.getElementById("pause");
  const clear = document.getElementById("clear");
  const narrow = document.getElementById("narrow");
  const none = document.getElementById("none");
  let nothing = none.textContent.trim();
  let waiting = [];
  let isPaused = false;
  let isDue = false;

  const say = (kind, text) => {
    link.className = `dot ${kind}`;
    link.textContent = text;
  };
  const cell = (text, name, tag) => {
    const made = document.createElement("td");
    if (name) made.className = name;
    const inner = tag ? made.appendChild(document.createElement(tag)) : made;
    inner.textContent = text;
    return made;
  };
  const wants = (event, body) => {
    const text = narrow.value.trim().toLowerCase();
    if (!text) return true;
    if (text.endsWith("*") && event.type.startsWith(text.slice(0, -1))) return true;
    return body.toLowerCase().includes(text);
  };
  const curl = (event) =>
    `curl -s '${table.dataset.url}/api/events/?after=${event.sequence - 1}&limit=1' -H "X-API-KEY: $API_KEY"` +
    (event.pharmacyid && !/^0{8}-/.test(event.pharmacyid) ? ` -H 'X-Pharmacy-Id: ${event.pharmacyid}'` : "");

  const make = (body) => {
    const event = JSON.parse(body);
    const row = document.createElement("tr");
    row.dataset.body = body;
    const type = document.createElement("td");
    const opener = type.appendChild(document.createElement("button"));
    opener.type = "button";
    opener.className = "opener";
    opener.setAttribute("aria-expanded", "false");
    opener.appendChild(document.createElement("code")).textContent = event.type;
    row.append(
      cell(event.sequence, "right num"),
      cell(new Date(event.time).toISOString().slice(11, 19), "num"),
      type,
      cell(event.subject, "cut muted"),
    );
    const last = document.createElement("td");
    last.className = "right";
    const copy = document.createElement("button");
    copy.type = "button";
    copy.className = "copy";
    copy.dataset.copy = curl(event);
    copy.textContent = "curl";
    copy.setAttribute("aria-label", `Copy the curl command for event ${event.sequence}`);
    last.append(copy);
    row.append(last);
    row.hidden = !wants(event, body);
    return row;
  };

  const open = (row) => {
    const next = row.nextElementSibling;
    if (next && next.classList.contains("inside")) {
      next.remove();
      row.querySelector(".opener").setAttribute("aria-expanded", "false");
      return;
    }
    const inside = document.createElement("tr");
    inside.className = "inside";
    const place = cell(JSON.stringify(JSON.parse(row.dataset.body), null, 2), "", "pre");
    place.colSpan = 5;
    place.firstChild.className = "json";
    place.firstChild.tabIndex = 0;
    inside.append(place);
    row.after(inside);
    row.querySelector(".opener").setAttribute("aria-expanded", "true");
  };

  const wake = () => {
    const held = `${Math.min(waiting.length, MOST)}${waiting.length > MOST ? "+" : ""}`;
    pause.querySelector("span").textContent = !isPaused ? "Pause" : waiting.length ? `Go on (${held})` : "Go on";
  };
  // An empty table says why it is empty.
  const explain = () => {
    const all = [...rows.querySelectorAll("tr[data-body]")];
    none.hidden = all.some((row) => !row.hidden);
    none.firstElementChild.textContent = all.length ? "No event here matches the filter." : nothing;
  };

  const show = () => {
    isDue = false;
    if (isPaused || !waiting.length) return;
    const fresh = document.createDocumentFragment();
    for (const body of waiting.slice(-MOST).reverse()) fresh.append(make(body));
    waiting = [];
    rows.prepend(fresh);
    while (rows.rows.length > MOST) rows.deleteRow(-1);
    explain();
  };
  const plan = () => {
    if (isDue) return;
    isDue = true;
    setTimeout(show, 120);
  };

  rows.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-body]");
    if (row && !event.target.closest(".copy") && !String(getSelection())) open(row);
  });
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    if (!isPaused) show();
    wake();
  });
  clear.addEventListener("click", () => {
    waiting = [];
    rows.replaceChildren();
    nothing = "Cleared. What happens from now on stands here.";
    explain();
    wake();
  });
  narrow.addEventListener("input", () => {
    for (const row of rows.querySelectorAll("tr[data-body]")) {
      row.hidden = !wants(JSON.parse(row.dataset.body), row.dataset.body);
      const next = row.nextElementSibling;
      if (next && next.classList.contains("inside")) next.hidden = row.hidden;
    }
    explain();
  });
  // Enter would load the page anew, without the filter.
  narrow.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
  narrow.closest("form").addEventListener("change", (event) => {
    if (event.target.name === "pharmacy") event.target.form.requestSubmit();
  });

  for (const row of [...rows.rows]) row.replaceWith(make(row.dataset.body));
  pause.hidden = clear.hidden = false;
  const source = new EventSource(table.dataset.stream);
  source.addEventListener("open", () => say("good", "live"));
  source.addEventListener("error", () =>
    source.readyState === EventSource.CLOSED ? say("bad", "ended: load the page again") : say("wait", "connecting"),
  );
  source.addEventListener("message", (event) => {
    waiting.push(event.data);
    // Drawing waits too while the tab is in the background: what would not be shown any more is let go.
    if (waiting.length > 2 * MOST) waiting = waiting.slice(-MOST);
    if (isPaused) wake();
    else plan();
  });
})();
