// The charts of the evidence; see evidence.py.

function evidenceCharts(evidence) {
  if (!evidence) return [];
  const heat = evidence.heat.map((map, number) => () => drawHeat(`heat-${number}`, map, evidence.objective));
  return [() => drawStrips(evidence.strips), ...heat, ...[
    () => drawBars("stress", evidence.stress, "Net return, %", " %"),
    () => drawPaths(evidence),
    () => drawBars("regimes", evidence.regimes, "Net PnL, USDT", ""),
  ]];
}

function drawStrips(strips) {
  const colours = palette();
  const div = document.getElementById("strips");
  div.style.height = `${90 + 26 * strips.length}px`;
  const bar = (name, key, value, colour, opacity) => ({
    type: "bar", orientation: "h", name, y: strips.map((_, index) => index + 1),
    base: strips.map((strip) => strip[key][0]), x: strips.map((strip) => strip[key][1] - strip[key][0]),
    marker: { color: strips.map(colour), opacity },
    text: strips.map((strip) => (key === "outside" && strip[value] !== null ? `${strip[value].toFixed(1)} %` : "")),
    textposition: "auto",
    customdata: strips.map((strip) => [strip.chosen, strip[value]]),
    hovertemplate: `${name}: %{customdata[1]:.2f} %<br>%{customdata[0]}<extra></extra>`,
  });
  Plotly.react(div, [
    bar("Inside", "inside", "inside_pct", () => colours["chart-hold"], 0.35),
    bar("Outside", "outside", "outside_pct", (strip) => (strip.outside_pct > 0 ? colours.good : colours.bad), 0.9),
  ], {
    ...baseLayout(colours), barmode: "overlay", bargap: 0.25, showlegend: false,
    margin: { l: 72, r: 16, t: 8, b: 36 },
    xaxis: axis(colours, { type: "date", fixedrange: true }),
    yaxis: axis(colours, { title: { text: "Window" }, autorange: "reversed", dtick: 1, fixedrange: true }),
  }, { ...CONFIG, displayModeBar: false });
}

function drawHeat(id, map, objective) {
  const colours = palette();
  Plotly.react(id, [{
    type: "heatmap", x: map.x, y: map.y, z: map.z, hoverongaps: false, xgap: 1, ygap: 1,
    colorscale: [[0, colours.bad], [0.5, colours.panel], [1, colours.good]], zmid: 0,
    colorbar: { title: { text: objective }, thickness: 12 },
    hovertemplate: `${map.across} %{x}, ${map.up} %{y}<br>${objective} %{z:.3f}<extra></extra>`,
  }, {
    type: "scatter", mode: "markers", x: [map.chosen[0]], y: [map.chosen[1]], showlegend: false,
    marker: { symbol: "circle-open", size: 18, color: colours.text, line: { width: 2 } },
    hovertemplate: "the chosen set<extra></extra>",
  }], {
    ...baseLayout(colours),
    xaxis: axis(colours, { title: { text: map.across }, type: "category", fixedrange: true, showgrid: false }),
    yaxis: axis(colours, { title: { text: map.up }, type: "category", fixedrange: true, showgrid: false }),
  }, { ...CONFIG, displayModeBar: false });
}

function drawBars(id, bars, title, unit) {
  const colours = palette();
  Plotly.react(id, [{
    type: "bar", orientation: "h", y: bars.labels, x: bars.values,
    marker: { color: bars.values.map((value) => (value > 0 ? colours.good : colours.bad)) },
    text: bars.values.map((value) => (value === null ? "" : `${value.toFixed(1)}${unit}`)), textposition: "auto",
    hovertemplate: `%{y}: %{x:.2f}${unit}<extra></extra>`,
  }], {
    ...baseLayout(colours), margin: { l: 16, r: 16, t: 8, b: 40 },
    xaxis: axis(colours, { title: { text: title }, fixedrange: true }),
    yaxis: axis(colours, { autorange: "reversed", fixedrange: true, automargin: true }),
  }, { ...CONFIG, displayModeBar: false });
}

function drawPaths(evidence) {
  const colours = palette();
  const shades = [colours.accent, colours["chart-hold"], colours["warn-line"]];
  const traces = evidence.paths.map((path, number) => ({
    type: "scatter", mode: "lines", name: path.name, x: path.middles, y: path.shares, fill: "tozeroy",
    line: { color: shades[number], width: 1.4, shape: "hvh" },
    hovertemplate: `${path.name}<br>%{x:.1f} %: %{y:.1f} % of the paths<extra></extra>`,
  }));
  Plotly.react("paths", traces, {
    ...baseLayout(colours), showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
    xaxis: axis(colours, { title: { text: "Net return, %" }, fixedrange: true }),
    yaxis: axis(colours, { title: { text: "Share of paths, %" }, rangemode: "tozero", fixedrange: true }),
    shapes: evidence.own_pct === null ? [] : [{
      type: "line", x0: evidence.own_pct, x1: evidence.own_pct, yref: "paper", y0: 0, y1: 1,
      line: { color: colours.text, width: 1.5, dash: "dash" },
    }],
  }, { ...CONFIG, displayModeBar: false });
}
