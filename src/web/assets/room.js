// The pages work without this. It sends selects, ticks clocks, filters the timeline and keeps the war room up to date.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  document.documentElement.classList.add("scripted");

  document.addEventListener("change", (e) => { if (e.target.dataset.send) e.target.form.requestSubmit(); });
  document.addEventListener("input", (e) => { if (e.target.id === "filter") filter(); });
  document.addEventListener("submit", (e) => {
    if (e.target.classList.contains("filter")) { e.preventDefault(); filter(); return; }
    sessionStorage.setItem("scroll " + location.pathname, String(scrollY)); // the answer is this page again
    setTimeout(() => all("button", e.target).forEach((b) => { b.disabled = true; })); // one press, one request
  });
  addEventListener("pageshow", () => {
    all("form button[disabled]").forEach((b) => { b.disabled = false; });
    const at = sessionStorage.getItem("scroll " + location.pathname);
    sessionStorage.removeItem("scroll " + location.pathname);
    if (at && !location.hash) scrollTo(0, Number(at));
  });

  function filter() {
    const words = $("#filter")?.value.trim().toLowerCase() ?? "";
    const entries = all(".entries > li");
    entries.forEach((li) => { li.hidden = !li.textContent.toLowerCase().includes(words); });
    if ($("#no-entry")) $("#no-entry").hidden = entries.some((li) => !li.hidden);
  }

  // Clocks: the run's time moves from the server's "now" at the run's own speed, whatever this machine's clock says.
  let drawnAt = performance.now();
  const pad = (n) => String(n).padStart(2, "0");
  function clockText(ms) {
    const s = Math.max(0, Math.floor(ms / 1000)), h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
    return (h ? `${h}:${pad(m)}` : m) + ":" + pad(s % 60);
  }
  function tick() {
    for (const el of all("[data-since]")) {
      const now = Number(el.dataset.now) + (performance.now() - drawnAt) * Number(el.dataset.speed);
      const past = Math.max(0, now - Number(el.dataset.since));
      el.textContent = clockText(past);
      const clock = el.closest(".clock");
      if (!clock) continue;
      const bar = $("progress", clock), late = $(".late", clock);
      if (bar) bar.value = Math.min(past, bar.max);
      if (!late) continue;
      const by = past - Number(late.dataset.lateAfter);
      late.hidden = by <= 0;
      $(".late-by", late).textContent = clockText(by);
    }
  }
  setInterval(tick, 500);

  const stage = $("#stage");
  if (!stage) return;
  const offline = $("#offline"), news = $("#news");
  let busy = false, again = false, held = false, connected = false;

  // Nothing moves under a finger: no swap while one is down, no press counts for a moment after a swap.
  addEventListener("pointerdown", () => { held = true; });
  for (const end of ["pointerup", "pointercancel"]) {
    addEventListener(end, () => setTimeout(() => { held = false; if (again) refresh(); }, 300));
  }

  async function refresh() {
    if (busy || held) { again = true; return; }
    busy = true; again = false;
    try {
      const answer = await fetch(stage.dataset.fragment, { headers: { accept: "text/html" } });
      if (answer.redirected || answer.status === 401) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const html = await answer.text();
      if (held) again = true; else swap(html);
      if (connected && !offline.hidden) found();
    } catch { lost(); setTimeout(refresh, 3000); } finally { busy = false; }
    if (again && !held) refresh();
  }

  function swap(html) {
    const fresh = $("#live", new DOMParser().parseFromString(html, "text/html"));
    const old = $("#live");
    if (!fresh || !old) return;
    const known = new Set(all("[data-open]", old).map((c) => c.dataset.open));
    const unfolded = new Set(all("details[open]", old).map((d) => d.dataset.key));
    all("details", fresh).forEach((d) => { if (unfolded.has(d.dataset.key)) d.open = true; });
    const typed = $("#filter", old)?.value, focus = place(old);
    // What one looks at stays where it is on the screen, even if something above it grew.
    const eye = all("article[id], details[id]", old).find((c) => c.getBoundingClientRect().bottom > 120);
    const top = eye?.getBoundingClientRect().top;
    const y = scrollY;
    old.replaceWith(document.importNode(fresh, true));
    drawnAt = performance.now();
    if (typed !== undefined && $("#filter")) { $("#filter").value = typed; filter(); }
    scrollTo(0, y);
    const same = y > 0 && eye && document.getElementById(eye.id);
    if (same) scrollBy(0, same.getBoundingClientRect().top - top);
    focus && refind(focus)?.focus({ preventScroll: true });
    tick();
    const live = $("#live");
    live.classList.add("settling");
    setTimeout(() => live.classList.remove("settling"), 400);
    const added = all("[data-open]", live).filter((c) => !known.has(c.dataset.open));
    if (added.length) news.textContent = news.dataset.new + " " + added.map((c) => c.dataset.line).join(", ");
  }

  // Focus goes back to the same control of the same card, or nowhere.
  function place(old) {
    const el = document.activeElement;
    if (!el || !old.contains(el)) return null;
    if (el.id) return { id: el.id };
    const home = el.closest("[id]"), value = el.form?.elements.value?.value, key = el.closest("details")?.dataset.key;
    return { id: home.id, tag: el.tagName, text: el.textContent, value, key };
  }
  function refind({ id, tag, text, value, key }) {
    const home = document.getElementById(id);
    if (!tag || !home) return home;
    return all(tag, home).find((el) => el.textContent === text && el.form?.elements.value?.value === value
      && el.closest("details")?.dataset.key === key);
  }

  function lost() {
    if (!offline.hidden) return;
    offline.textContent = offline.dataset.lost + " " + new Date().toISOString().slice(11, 19) + " UTC";
    offline.hidden = false;
    document.body.classList.add("stale");
  }
  function found() {
    offline.hidden = true;
    document.body.classList.remove("stale");
    news.textContent = offline.dataset.back;
  }
  function listen() {
    const events = new EventSource(stage.dataset.events);
    events.onopen = () => { connected = true; if (!offline.hidden) refresh(); }; // what happened meanwhile
    events.onmessage = refresh;
    events.onerror = () => {
      connected = false;
      lost();
      if (events.readyState === EventSource.CLOSED) setTimeout(listen, 3000); // the browser gave up; we do not
    };
  }
  listen();
})();
