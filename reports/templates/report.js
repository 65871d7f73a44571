"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const root = document.documentElement;

  const themes = ["auto", "light", "dark"];
  const themeButton = byId("theme");
  const remembered = () => {
    try { return localStorage.getItem("report-theme") || "auto"; } catch { return "auto"; }
  };
  const remember = (theme) => {
    try { localStorage.setItem("report-theme", theme); } catch { /* private windows refuse */ }
  };
  const setTheme = (theme) => {
    if (theme === "auto") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", theme);
    themeButton.textContent = `Theme: ${theme}`;
  };
  let theme = themes.includes(remembered()) ? remembered() : "auto";
  setTheme(theme);
  themeButton.hidden = false;
  themeButton.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    setTheme(theme);
    remember(theme);
  });

  const links = new Map();
  for (const link of document.querySelectorAll("nav.contents a")) {
    links.set(link.getAttribute("href").slice(1), link);
  }
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id).setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-25% 0px -70% 0px" });
  for (const id of links.keys()) watcher.observe(byId(id));

  const data = byId("frames");
  const scrubber = byId("scrubber");
  if (!data || !scrubber) return;
  const frames = JSON.parse(data.textContent);
  const slider = byId("period");
  const policy = byId("policy");
  const play = byId("play");
  const cards = [...document.querySelectorAll(".node")].map((card) => ({
    index: Number(card.dataset.node),
    fill: card.querySelector(".fill"),
    stock: card.querySelector(".node-stock"),
    width: card.querySelector(".card").getBBox().width,
  }));
  const sum = (row) => (row || []).reduce((total, value) => total + value, 0);
  const show = () => {
    const frame = Number(slider.value);
    const who = Number(policy.value);
    const stock = frames.stock[who][frame];
    for (const card of cards) {
      const peak = frames.peak[card.index];
      const share = peak > 0 ? Math.min(stock[card.index] / peak, 1) : 0;
      card.fill.setAttribute("width", (share * card.width).toFixed(1));
      if (card.stock) card.stock.textContent = stock[card.index].toLocaleString("en");
    }
    const parts = [
      `period ${frame * frames.step + 1} of ${frames.periods}`,
      `demand ${sum(frames.demand[frame])}`,
      `unmet ${sum(frames.unmet[who][frame])}`,
    ];
    if (frames.cost[who].length) parts.push(`cost ${frames.cost[who][frame]}`);
    byId("frame").textContent = parts.join(" · ");
  };
  let timer = 0;
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  };
  const step = () => {
    if (Number(slider.value) >= Number(slider.max)) stop();
    else {
      slider.value = String(Number(slider.value) + 1);
      show();
    }
  };
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (slider.value === slider.max) slider.value = "0";
    play.textContent = "Pause";
    timer = setInterval(step, 120);
    return show();
  });
  slider.addEventListener("input", show);
  policy.addEventListener("change", show);
  scrubber.hidden = false;
})();
