(() => {
  "use strict";
  const root = document.documentElement;
  const button = document.querySelector(".theme");
  const prefers = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefers.matches);
  const name = () => {
    button.textContent = dark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to the ${dark() ? "light" : "dark"} theme`);
  };
  // Where a page may keep nothing, as in some browsers one that was opened as a file, the theme holds until it is closed.
  const keep = (theme) => { try { localStorage.setItem("processender-theme", theme); } catch { /* kept nowhere */ } };
  try { root.dataset.theme = localStorage.getItem("processender-theme") ?? ""; } catch { /* none was kept */ }
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    keep(root.dataset.theme);
    name();
  });
  prefers.addEventListener("change", name);
  name();
  button.hidden = false;

  const tip = document.getElementById("tip");
  let chosen = null;
  const hide = () => {
    tip.hidden = true;
    chosen?.classList.remove("chosen");
    chosen = null;
  };
  const show = (target, x, y) => {
    if (target !== chosen) {
      hide();
      chosen = target;
      chosen.classList.add("chosen");
      tip.textContent = target.dataset.tip;
      tip.hidden = false;
    }
    const { width, height } = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, x - width / 2), innerWidth - width - 8);
    const top = y - height - 6 < 8 ? y + 34 : y - height - 6;
    tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  };
  const above = (target) => {
    const place = target.getBoundingClientRect();
    show(target, place.left + place.width / 2, place.top);
  };
  document.addEventListener("pointermove", (event) => {
    const target = event.target.closest?.("[data-tip]");
    if (target) show(target, event.clientX, target.getBoundingClientRect().top);
    else hide();
  });
  document.addEventListener("scroll", hide, { passive: true });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

  for (const chart of document.querySelectorAll(".chart")) {
    const columns = [...chart.querySelectorAll("[data-tip]")];
    let at = columns.length;
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    chart.addEventListener("keydown", (event) => {
      if (!(event.key in steps)) return;
      event.preventDefault();
      at = Math.min(Math.max(0, at + steps[event.key]), columns.length - 1);
      above(columns[at]);
    });
    chart.addEventListener("blur", hide);
  }
})();
