/* The header's memory: a number, and behind it what is loaded, where, how big and how long idle. */
(() => {
  const loom = window.loom;
  if (!loom || loom.mountMemory) return;
  const GIB = 2 ** 30, MIB = 2 ** 20;
  const size = (bytes) => !bytes ? "0 MB" : bytes >= GIB / 10 ? `${(bytes / GIB).toFixed(bytes < 10 * GIB ? 2 : 1)} GB`
    : `${(bytes / MIB).toFixed(bytes < 10 * MIB ? 1 : 0)} MB`;
  const ago = (seconds) => seconds < 90 ? `${Math.round(seconds)} s`
    : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;

  loom.mountMemory = (element, server) => {
    const button = element.querySelector(".memory");
    const panel = element.querySelector("#loom-memory");
    const free = panel.querySelector(".free");
    const show = (system) => {
      button.replaceChildren(size(system.used_bytes), loom.el("span", "of", `\u00a0/ ${size(system.budget_bytes)}`));
      button.title = `Models in memory on ${system.device}, ${system.dtype}`;
      button.setAttribute("aria-label", `Memory: ${size(system.used_bytes)} of ${size(system.budget_bytes)}`);
      button.hidden = false;
      const apart = system.device.startsWith("cuda");
      const sum = (name, used, budget) => `${name}: ${size(used)} of ${size(budget)}`;
      panel.querySelector(".sums").textContent = [
        ...(apart ? [sum(system.device, system.used_bytes, system.budget_bytes)] : []),
        sum(apart || system.device === "cpu" ? "RAM" : system.device, system.ram_bytes, system.ram_budget_bytes),
      ].join(" · ");
      panel.querySelector("tbody").replaceChildren(...system.residents.map((part) => {
        const row = loom.el("tr");
        const what = loom.el("td", "", part.part);
        what.append(loom.el("small", "", part.models.map((name) => name.split("/").pop()).join(", ")));
        const where = part.device_bytes ? `${system.device} + RAM` : apart || system.device === "cpu" ? "RAM" : system.device;
        row.append(what, loom.el("td", "", size(part.ram_bytes)), loom.el("td", "", where),
          loom.el("td", "", part.in_use ? "in use" : ago(part.idle_s)));
        return row;
      }));
      const none = !system.residents.length;
      panel.querySelector("table").hidden = none;
      panel.querySelector(".none").hidden = !none;
      free.disabled = !system.residents.some((part) => !part.in_use);
    };
    const ask = async () => {
      if (document.hidden) return;
      const system = await server.system({});
      if (system) show(system);
    };
    let overlay;
    const open = (wanted) => {
      if (panel.hidden === !wanted) return;
      panel.hidden = !wanted;
      // Escape closes what was opened last.
      if (wanted) overlay = loom.closeOverlay;
      loom.closeOverlay = wanted ? () => (open(false), button.focus(), true) : overlay;
      button.setAttribute("aria-expanded", String(wanted));
      if (!wanted) return;
      const { bottom, right } = button.getBoundingClientRect();
      panel.style.top = `${bottom + 8}px`;
      panel.style.right = `${Math.max(14, Math.min(document.documentElement.clientWidth - right, document.documentElement.clientWidth - panel.offsetWidth - 14))}px`;
      ask();
    };
    button.addEventListener("click", () => open(panel.hidden));
    free.addEventListener("click", async () => {
      free.disabled = true;
      const answer = await server.free({});
      if (answer) loom.toast(answer.freed ? `${size(answer.freed)} were freed.` : "All models are in use; nothing was freed.");
      ask();
      button.focus();
    });
    document.addEventListener("pointerdown", (event) => {
      if (!panel.hidden && !panel.contains(event.target) && !button.contains(event.target)) open(false);
    });
    ask();
    setInterval(ask, 5000);
    document.addEventListener("visibilitychange", ask);
  };
})();
