const plots = [...document.querySelectorAll(".js-plotly-plot")];
for (const section of document.querySelectorAll("section")) {
  const slider = section.querySelector(".time input"), play = section.querySelector(".play");
  if (slider) {
    const steps = slider.dataset.steps.split(" ").map(Number);
    const show = () => {
      const now = steps[slider.value];
      section.querySelector("output").textContent = "step " + now.toLocaleString("en");
      for (const film of section.querySelectorAll(".film")) {
        const frames = [...film.querySelectorAll("img")];
        const current = frames.filter(frame => frame.dataset.step <= now).pop() ?? frames[0];
        for (const frame of frames) frame.hidden = frame !== current;
        film.querySelector("p").textContent = "step " + Number(current.dataset.step).toLocaleString("en");
      }
    };
    let playing;
    const stop = () => { clearInterval(playing); playing = undefined; play.textContent = "Play"; };
    slider.addEventListener("input", () => { stop(); show(); });
    play.addEventListener("click", () => {
      if (playing) return stop();
      if (slider.value === slider.max) slider.value = 0;
      show();
      play.textContent = "Pause";
      playing = setInterval(() => {
        slider.value++;
        show();
        if (slider.value === slider.max) stop();
      }, 600);
    });
  }
  const chips = [...section.querySelectorAll(".chip input")], none = section.querySelector(".none");
  const draw = changed => {
    for (const plot of section.querySelectorAll(".js-plotly-plot")) {
      for (const visible of [true, false]) {
        const groups = changed.filter(chip => chip.checked === visible).map(chip => chip.dataset.group);
        const traces = plot.data.flatMap((trace, i) => groups.includes(trace.legendgroup) ? [i] : []);
        if (traces.length) Plotly.restyle(plot, {visible}, traces);
      }
    }
  };
  for (const chip of chips) chip.addEventListener("change", () => draw([chip]));
  none?.addEventListener("click", () => {
    const some = chips.some(chip => chip.checked);
    for (const chip of chips) chip.checked = !some;
    none.textContent = some ? "show all" : "hide all";
    draw(chips);
  });
}
// A click on the head of a column sorts by it, best first or last.
const value = cell => {
  const text = cell?.textContent.trim() ?? "";
  const plain = text.replaceAll(",", "").replaceAll("−", "-").replace(/^< /, "");
  const number = plain.match(/^[-+]?\d*\.?\d+(e[-+]?\d+)?/);
  return number ? Number(number[0]) : text;
};
for (const head of document.querySelectorAll("thead th")) {
  head.addEventListener("click", () => {
    const body = head.closest("thead").nextElementSibling, up = head.ariaSort !== "ascending";
    for (const other of head.parentElement.children) other.ariaSort = null;
    head.ariaSort = up ? "ascending" : "descending";
    const rows = [...body.rows].filter(row => !row.querySelector("[colspan]"));
    const keyed = rows.map(row => [value(row.cells[head.cellIndex]), row]);
    const kind = of => typeof of === "number" ? 0 : 1;
    const order = (a, b) => kind(a) - kind(b) || (kind(a) ? a.localeCompare(b) : a - b);
    keyed.sort(([a], [b]) => up ? order(a, b) : order(b, a));
    body.append(...keyed.map(([, row]) => row));
  });
}
// A plot that was folded away knows its width only now.
for (const folded of document.querySelectorAll("details")) {
  folded.addEventListener("toggle", () => {
    for (const plot of folded.querySelectorAll(".js-plotly-plot")) Plotly.Plots.resize(plot);
  });
}
// A finger that scrolls the page must not draw a zoom box.
if (matchMedia("(pointer: coarse)").matches) for (const plot of plots) Plotly.relayout(plot, {dragmode: false});
// Paper is narrower than the window for which the curves were drawn.
addEventListener("beforeprint", () => { for (const plot of plots) Plotly.relayout(plot, {width: 325}); });
addEventListener("afterprint", () => { for (const plot of plots) Plotly.relayout(plot, {width: null, autosize: true}); });
