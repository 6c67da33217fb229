// The overview's charts: drawn from the figures that the page brings, and again whenever those were renewed.
(() => {
  "use strict";
  const charts = [];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const draw = () => {
    const source = document.querySelector("[data-series]");
    if (!source || !window.uPlot) return;
    const series = JSON.parse(source.dataset.series);
    for (const place of document.querySelectorAll("[data-chart]")) {
      const data = [series[0], series[Number(place.dataset.chart)]];
      const known = charts.find((one) => one.place === place);
      if (known) known.plot.setData(data);
      else charts.push({ place, plot: make(place, data) });
    }
  };

  // In UTC, as everywhere in the console.
  const clock = (seconds, characters) => new Date(seconds * 1000).toISOString().slice(11, 11 + characters);

  // What the cursor is on stands behind the caption.
  const tell = (place, plot) => {
    const at = plot.cursor.idx;
    const value = at === null || at === undefined ? null : plot.data[1][at];
    const caption = place.parentElement.querySelector("[data-at]");
    caption.textContent =
      value === null || value === undefined
        ? ""
        : `${value}${place.dataset.unit} at ${clock(plot.data[0][at], 8)} UTC`;
  };

  const make = (place, data) => {
    const axis = { stroke: colour("--faint"), grid: { stroke: "rgba(125, 135, 150, .18)", width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    return new window.uPlot(
      {
        width: place.clientWidth,
        height: 150,
        cursor: { y: false, points: { show: true } },
        hooks: { setCursor: [(plot) => tell(place, plot)] },
        legend: { show: false },
        scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, (high || 0) * 1.15)] } },
        axes: [{ ...axis, values: (_plot, times) => times.map((at) => clock(at, 5)) }, { ...axis, size: 46 }],
        series: [
          {},
          {
            stroke: colour("--hub"),
            width: 1.5,
            fill: `color-mix(in srgb, ${colour("--hub")} 14%, transparent)`,
            spanGaps: false,
            points: { show: false },
          },
        ],
      },
      data,
      place,
    );
  };

  const redraw = () => {
    for (const one of charts.splice(0)) one.plot.destroy();
    draw();
  };
  document.addEventListener("htmx:afterSwap", draw);
  let waiting = 0;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(redraw, 150);
  });
  // The theme is an attribute of the root: charts are pictures and have to be drawn anew.
  new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
  draw();
})();
