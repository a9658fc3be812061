"use strict";
// Search and filters over what stands on the page already. Without this script the pages say the same; nothing is asked of any server.
(() => {
  const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

  function prepare(form) {
    const list = document.getElementById(form.dataset.filters);
    const items = [...list.querySelectorAll("[data-item]")].map((element) => ({ element, text: null }));
    const groups = [...list.querySelectorAll("[data-group]")];
    const empty = document.querySelector(`[data-empty="${form.dataset.filters}"]`);
    const found = form.querySelector("[data-found]");
    const controls = [...form.elements].filter((control) => control.name);
    const boxes = new Set(controls.filter((control) => control.type === "checkbox").map((control) => control.name));

    function fits(item, wanted) {
      for (const [name, value] of wanted) {
        if (name === "q") {
          item.text ??= item.element.textContent.toLowerCase();
          if (!value.every((word) => item.text.includes(word))) return false;
        } else if (!(item.element.dataset[name] ?? "").split("|").some((one) => value.includes(one))) {
          return false;
        }
      }
      return true;
    }

    function wanted() {
      const given = new Map();
      for (const control of controls) {
        if (control.type === "search" && control.value.trim()) given.set("q", words(control.value));
        if (control.tagName === "SELECT" && control.value) given.set(control.name, [control.value]);
      }
      for (const name of boxes) {
        const every = controls.filter((control) => control.name === name);
        const checked = every.filter((control) => control.checked).map((control) => control.value);
        // One box asks for something; of several, all checked is no filter.
        if (every.length === 1 ? checked.length : checked.length < every.length) given.set(name, checked);
      }
      return given;
    }

    function apply() {
      const asked = wanted();
      let count = 0;
      for (const item of items) {
        item.element.hidden = !fits(item, asked);
        if (!item.element.hidden) count += 1;
      }
      for (const group of groups) group.hidden = !group.querySelector("[data-item]:not([hidden])");
      if (empty) empty.hidden = count > 0;
      found.textContent = `${count.toLocaleString("en-GB")} ${count === 1 ? found.dataset.one : found.dataset.many}`;
    }

    function remember() {
      const query = new URLSearchParams();
      for (const control of controls) {
        if (control.type === "checkbox" ? control.checked !== control.defaultChecked : control.value) query.append(control.name, control.value);
      }
      const text = query.toString();
      try {
        history.replaceState(null, "", text ? `?${text}${location.hash}` : location.pathname + location.hash);
      } catch {
        // Pages from a disk keep their address.
      }
    }

    const given = new URLSearchParams(location.search);
    for (const control of controls) {
      const values = given.getAll(control.name);
      if (control.type === "checkbox") {
        if (values.includes(control.value)) control.checked = !control.defaultChecked;
      } else if (values.length) {
        control.value = values[0];
        if (control.value !== values[0]) control.value = "";
      }
    }
    form.addEventListener("input", () => { apply(); remember(); });
    form.addEventListener("reset", () => setTimeout(() => { apply(); remember(); }));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    apply();
  }

  for (const element of document.querySelectorAll("[data-js]")) element.hidden = false;
  for (const form of document.querySelectorAll("form[data-filters]")) prepare(form);
})();
