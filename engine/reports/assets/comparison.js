// The charts that set several runs beside each other; see comparison.py.

const SHADES = ["#2563c9", "#d9772a", "#1a9e75", "#b0489a", "#8a6d1f", "#5b6ee1", "#c0362c", "#4f7a28", "#6b7685"];

function drawCurves(runs) {
  const colours = palette();
  const line = (run, number, values, yaxis, more) => ({
    type: "scatter", mode: "lines", name: run.name, legendgroup: run.name, x: run.days, y: values, yaxis,
    line: { color: SHADES[number % SHADES.length], width: 1.6 },
    hovertemplate: `%{x}: %{y:,.2f} %<br>${run.name}<extra></extra>`, ...more,
  });
  Plotly.react("curves", runs.flatMap((run, number) => [
    line(run, number, run.equity_pct, "y", {}),
    line(run, number, run.drawdown_pct, "y2", { showlegend: false }),
  ]), {
    ...baseLayout(colours), hovermode: "closest", showlegend: true,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
    xaxis: axis(colours, { type: "date", anchor: "y2" }),
    yaxis: axis(colours, { title: { text: "Equity, %" }, domain: [0.34, 1] }),
    yaxis2: axis(colours, { title: { text: "Drawdown, %" }, domain: [0, 0.3] }),
  }, CONFIG);
}

function drawCorrelation(data) {
  const colours = palette();
  const names = data.runs.map((run) => run.name);
  document.getElementById("correlation").style.height = `${140 + 44 * names.length}px`;
  Plotly.react("correlation", [{
    type: "heatmap", x: names.map((_, index) => index + 1), y: names, z: data.correlation, zmin: -1, zmax: 1,
    text: data.correlation.map((row) => row.map((cell) => (cell === null ? "" : cell.toFixed(2)))),
    texttemplate: "%{text}", xgap: 2, ygap: 2, showscale: false, hoverongaps: false,
    colorscale: [[0, colours.bad], [0.5, colours.panel], [1, colours.accent]],
    hovertemplate: "%{y}, run %{x}: %{z:.3f}<extra></extra>",
  }], {
    ...baseLayout(colours), margin: { l: 16, r: 16, t: 8, b: 40 },
    xaxis: axis(colours, { type: "category", fixedrange: true, showgrid: false }),
    yaxis: axis(colours, { type: "category", fixedrange: true, showgrid: false, autorange: "reversed", automargin: true }),
  }, { ...CONFIG, displayModeBar: false });
}

begin((data) => drawAll([() => drawCurves(data.runs), () => drawCorrelation(data)]));
