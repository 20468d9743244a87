// The charts of one backtest.

const MOST_TRADES = 1200; // drawn at once
const MOST_CANDLES = 350; // drawn across the view
const MOST_LEVELS = 200; // trades whose stops and targets are drawn

// ---- the course of the run: equity, drawdown and price with trades, on one time axis ---------------------

function drawCourse(data) {
  const div = document.getElementById("course");
  const note = document.getElementById("course-note");
  const equity = readSeries(data.equity);
  const candles = readCandles(data.candles);
  const fall = underwater(equity, data.starting_equity);
  const scale = data.starting_equity / candles.close[0];
  const hold = { at: candles.at, values: candles.close.map((value) => value * scale) };
  const lastBar = equity.at[equity.at.length - 1];
  const time = (bar) => data.first_ms + data.step_ms * bar;
  const barOf = (moment) => (moment - data.first_ms) / data.step_ms;
  const whole = [time(0) - data.step_ms, time(lastBar) + data.step_ms];
  let view = whole;

  // Plotly answers with a number or with "2025-01-31 12:00:00.5", always UTC
  const toMs = (given) => (typeof given === "number" ? given : Date.parse(`${String(given).replace(" ", "T")}${String(given).length > 10 ? "Z" : ""}`));

  function tradesInView(from, to) {
    const all = data.trades;
    const seen = [];
    for (let index = 0; index < all.entry_bar.length; index += 1) {
      if (all.exit_bar[index] >= from && all.entry_bar[index] <= to) seen.push(index);
    }
    const every = Math.ceil(seen.length / MOST_TRADES);
    const said = [every > 1
      ? `One in ${every} of the ${seen.length.toLocaleString("en")} trades in view is drawn: zoom in to see all.`
      : "Drag to zoom, double-click to see everything."];
    if (data.equity.at) said.push("So many bars are kept as the lowest and highest of every few.");
    if (all.id.length < data.trade_count) {
      said.push(`The charts hold ${all.id.length.toLocaleString("en")} of ${data.trade_count.toLocaleString("en")} trades.`);
    }
    note.textContent = said.join(" ");
    return every > 1 ? seen.filter((_, position) => position % every === 0) : seen;
  }

  function tradeTraces(indices, colours) {
    const all = data.trades;
    const few = indices.length <= 200;
    const markers = (name, chosen, bar, price, symbol, colour) => ({
      type: "scatter", mode: "markers", name, yaxis: "y3",
      x: chosen.map((index) => time(all[bar][index])),
      y: chosen.map((index) => all[price][index]),
      text: chosen.map((index) => `trade ${all.id[index]}, ${data.reasons[all.reason[index]]}, `
        + `${all.net[index].toFixed(2)} USDT`),
      marker: { symbol, color: colour, size: few ? 9 : 5, line: { width: few ? 1 : 0, color: colours.panel } },
      hovertemplate: `%{x|%Y-%m-%d %H:%M}<br>${name} at %{y:,.7~g}<br>%{text}<extra></extra>`,
    });
    const path = (name, chosen, colour) => ({
      type: "scatter", mode: "lines", name, yaxis: "y3", showlegend: false, hoverinfo: "skip",
      x: chosen.flatMap((index) => [time(all.entry_bar[index]), time(all.exit_bar[index]), null]),
      y: chosen.flatMap((index) => [all.entry_price[index], all.exit_price[index], null]),
      line: { color: colour, width: 1.2, dash: "dot" },
    });
    const longs = indices.filter((index) => all.is_long[index]);
    const shorts = indices.filter((index) => !all.is_long[index]);
    const won = indices.filter((index) => all.net[index] > 0);
    const lost = indices.filter((index) => !(all.net[index] > 0));
    return [
      path("won", won, colours.good),
      path("lost", lost, colours.bad),
      markers("Long entry", longs, "entry_bar", "entry_price", "triangle-up", colours.accent),
      markers("Short entry", shorts, "entry_bar", "entry_price", "triangle-down", colours.accent),
      markers("Exit, won", won, "exit_bar", "exit_price", "circle", colours.good),
      markers("Exit, lost", lost, "exit_bar", "exit_price", "x", colours.bad),
    ];
  }

  function levelTraces(indices, colours) {
    const all = data.trades;
    const drawn = indices.length <= MOST_LEVELS ? indices : [];
    return [["Stop", "stop_price", colours.bad], ["Target", "target_price", colours.good]].map(([name, price, colour]) => {
      const set = drawn.filter((index) => Number.isFinite(all[price][index]));
      return {
        type: "scatter", mode: "lines", name, yaxis: "y3", connectgaps: false, hoverinfo: "skip",
        x: set.flatMap((index) => [time(all.entry_bar[index]), time(all.exit_bar[index]), null]),
        y: set.flatMap((index) => [all[price][index], all[price][index], null]),
        line: { color: colour, width: 1 },
      };
    });
  }

  function draw() {
    const colours = palette();
    const [from, to] = view.map(barOf);
    const width = to - from;
    // one view's width more on each side, so that panning shows something before it is redrawn
    const points = (series) => thinned(series, from - width, to + width, 3 * BUCKETS);
    const parts = { equity: points(equity), hold: points(hold), fall: points(fall) };
    const joined = joinedCandles(candles, from - width, to + width, 3 * MOST_CANDLES);
    const line = (name, part, yaxis, style, more) => ({
      type: "scatter", mode: "lines", name, yaxis, x: part.at.map(time), y: part.values, line: style,
      hovertemplate: `%{x|%Y-%m-%d %H:%M}<br>${name} %{y:,.7~g}<extra></extra>`, ...more,
    });
    const shown = tradesInView(from, to);
    const traces = [
      line("Buy and hold", parts.hold, "y", { color: colours["chart-hold"], width: 1.2 }),
      line("Equity", parts.equity, "y", { color: colours["chart-equity"], width: 1.8 }),
      line("Drawdown %", parts.fall, "y2", { color: colours.bad, width: 1 }, { fill: "tozeroy", showlegend: false }),
      {
        type: "candlestick", name: "Price", yaxis: "y3", x: joined.at.map(time),
        open: joined.open, high: joined.high, low: joined.low, close: joined.close,
        increasing: { line: { color: colours.good, width: 1 }, fillcolor: colours.good },
        decreasing: { line: { color: colours.bad, width: 1 }, fillcolor: colours.bad },
        opacity: 0.65, xhoverformat: "%Y-%m-%d %H:%M",
      },
      ...levelTraces(shown, colours),
      ...tradeTraces(shown, colours),
    ];
    const marks = [["entry_bar", "entry_price"], ["exit_bar", "exit_price"]].map(([bar, price]) => ({
      at: shown.map((index) => data.trades[bar][index]),
      values: shown.map((index) => data.trades[price][index]),
    }));
    const vertical = (title, domain, collections) => axis(colours, {
      title: { text: title }, domain, fixedrange: true, range: rangeOf(collections, from, to), automargin: false,
    });
    const extent = [joined.high, joined.low].map((values) => ({ at: joined.at, values }));
    note.textContent += joined.bars > 1 ? ` A candle is ${joined.bars} bars.` : "";
    const deepest = rangeOf([parts.fall], from, to)[0];
    const buttons = [["week", 7, "day"], ["month", 1, "month"], ["quarter", 3, "month"], ["year", 1, "year"]]
      .map(([label, count, step]) => ({ label, count, step, stepmode: "backward" }));
    Plotly.react(div, traces, {
      ...baseLayout(colours),
      dragmode: div.layout?.dragmode ?? "zoom", // as the reader left it
      hovermode: "closest",
      margin: { l: 72, r: 16, t: 36, b: 90 },
      legend: { uirevision: "kept", orientation: "h", x: 0.5, xanchor: "center", y: -0.06, yanchor: "top" },
      xaxis: axis(colours, {
        type: "date", rangeslider: { visible: false }, range: view.slice(), anchor: "y3", showspikes: true, spikemode: "across",
        spikethickness: 1, spikedash: "dot", spikecolor: colours.muted,
        rangeselector: {
          buttons: [...buttons, { label: "all", step: "all" }],
          bgcolor: colours.panel, activecolor: colours["chart-grid"], bordercolor: colours.line, borderwidth: 1,
          x: 0, y: 1.01,
        },
      }),
      yaxis: vertical("Equity, USDT", [0.66, 1], [parts.equity, parts.hold]),
      yaxis2: { ...vertical("Drawdown, %", [0.52, 0.63], []), range: [deepest, 0] },
      yaxis3: vertical("Price, USDT", [0, 0.49], [...extent, ...marks]),
    }, { ...CONFIG, doubleClick: "autosize" });
  }

  draw();
  div.on("plotly_relayout", (change) => {
    if (change["xaxis.autorange"]) view = whole;
    else if ("xaxis.range[0]" in change) view = [change["xaxis.range[0]"], change["xaxis.range[1]"]].map(toMs);
    else if (change["xaxis.range"]) view = change["xaxis.range"].map(toMs);
    else return;
    draw();
  });
  return draw;
}

// ---- candles ---------------------------------------------------------------------------------------------

// `size` bars went into each candle; `at[i]` is the last of them.
function readCandles(packed) {
  const columns = ["open", "high", "low", "close"].map((name) => [name, new Float32Array(decode(packed[name]).buffer)]);
  const at = packed.at
    ? new Uint32Array(decode(packed.at).buffer)
    : Uint32Array.from(columns[0][1], (_, index) => index);
  return { at, size: packed.size, ...Object.fromEntries(columns) };
}

// The candles of bars [from, to], so many put together that at most `most` are drawn; `at` is their middle.
function joinedCandles(candles, from, to, most) {
  const bars = Math.max(1, Math.ceil((to - from) / most / candles.size)) * candles.size;
  const joined = { bars, at: [], open: [], high: [], low: [], close: [] };
  const last = Math.min(candles.at.length, firstNotBefore(candles.at, to) + 2);
  let current = -1;
  for (let index = Math.max(0, firstNotBefore(candles.at, from) - 1); index < last; index += 1) {
    const slot = Math.floor(candles.at[index] / bars);
    const place = joined.at.length - 1;
    if (slot !== current) {
      current = slot;
      joined.at.push(slot * bars - 1 + bars / 2);
      for (const name of ["open", "high", "low", "close"]) joined[name].push(candles[name][index]);
    } else {
      joined.high[place] = Math.max(joined.high[place], candles.high[index]);
      joined.low[place] = Math.min(joined.low[place], candles.low[index]);
      joined.close[place] = candles.close[index];
    }
  }
  return joined;
}

// ---- the smaller charts ----------------------------------------------------------------------------------

function drawMonths(data) {
  const div = document.getElementById("months");
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Year"];
  const largest = Math.max(1, ...data.months.cells.flatMap((row) => row.slice(0, 12)).map(Math.abs));
  div.style.height = `${90 + 34 * data.months.years.length}px`;
  return () => {
    const colours = palette();
    Plotly.react(div, [{
      type: "heatmap", x: months, y: data.months.years.map(String), z: data.months.cells,
      text: data.months.cells.map((row) => row.map((cell) => (cell === null ? "" : cell.toFixed(1)))),
      texttemplate: "%{text}", zmin: -largest, zmax: largest, xgap: 2, ygap: 2, showscale: false,
      colorscale: [[0, colours.bad], [0.5, colours.panel], [1, colours.good]],
      hovertemplate: "%{x} %{y}: %{z:.2f} %<extra></extra>", hoverongaps: false,
    }], {
      ...baseLayout(colours),
      margin: { l: 56, r: 16, t: 8, b: 36 },
      xaxis: axis(colours, { type: "category", fixedrange: true, showgrid: false }),
      yaxis: axis(colours, { type: "category", fixedrange: true, showgrid: false, autorange: "reversed" }),
    }, { ...CONFIG, displayModeBar: false });
  };
}

function drawRollingSharpe(data) {
  return () => {
    const colours = palette();
    Plotly.react("rolling", [{
      type: "scatter", mode: "lines", name: "Sharpe", x: data.rolling.days, y: data.rolling.values,
      line: { color: colours.accent, width: 1.4 }, hovertemplate: "%{x}: %{y:.2f}<extra></extra>",
    }], {
      ...baseLayout(colours),
      margin: { l: 72, r: 16, t: 8, b: 36 },
      xaxis: axis(colours, { type: "date", fixedrange: true }),
      yaxis: axis(colours, { title: { text: "Sharpe" }, fixedrange: true }),
    }, { ...CONFIG, displayModeBar: false });
  };
}

function drawScatter(data) {
  const all = data.trades;
  return () => {
    const colours = palette();
    const shades = {
      stop_loss: colours.bad, take_profit: colours.good, signal: colours.accent, liquidation: "#b07cc6",
      max_bars: "#d99a2b",
    };
    const traces = data.reasons.map((reason, number) => {
      const chosen = Array.from(all.reason.keys()).filter((index) => all.reason[index] === number);
      return {
        type: "scatter", mode: "markers", name: reason,
        x: chosen.map((index) => all.bars_held[index]),
        y: chosen.map((index) => all.return_pct[index]),
        text: chosen.map((index) => `trade ${all.id[index]}, ${all.is_long[index] ? "long" : "short"}`),
        marker: {
          color: shades[reason] ?? colours.muted, size: 7, opacity: 0.75,
          symbol: chosen.map((index) => (all.is_long[index] ? "triangle-up" : "triangle-down")),
        },
        hovertemplate: `%{text}<br>${reason}<br>%{x} bars, %{y:.2f} %<extra></extra>`,
      };
    });
    Plotly.react("scatter", traces, {
      ...baseLayout(colours),
      showlegend: true,
      legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
      xaxis: axis(colours, { title: { text: "Bars held" }, rangemode: "tozero" }),
      yaxis: axis(colours, { title: { text: "Net return on notional, %" } }),
    }, CONFIG);
  };
}

function drawCosts(data) {
  return () => {
    const colours = palette();
    Plotly.react("costs", [{
      type: "waterfall",
      x: data.costs.labels, y: data.costs.values,
      measure: data.costs.values.map((_, index, all) => (index === all.length - 1 ? "total" : "relative")),
      text: data.costs.values.map((value) => value.toLocaleString("en", { maximumFractionDigits: 2 })),
      textposition: "outside", cliponaxis: false,
      increasing: { marker: { color: colours.good } },
      decreasing: { marker: { color: colours.bad } },
      totals: { marker: { color: colours.accent } },
      connector: { line: { color: colours.line, width: 1 } },
      hovertemplate: "%{x}: %{text} USDT<extra></extra>",
    }], {
      ...baseLayout(colours),
      xaxis: axis(colours, { type: "category", fixedrange: true, showgrid: false }),
      yaxis: axis(colours, { title: { text: "USDT" }, fixedrange: true }),
    }, { ...CONFIG, displayModeBar: false });
  };
}

function readTrades(packed) {
  const types = { f: Float32Array, u: Uint32Array, b: Uint8Array };
  return Object.fromEntries(Object.entries(packed).map(([name, [type, values]]) => [
    name, new types[type](decode(values).buffer),
  ]));
}

begin((data) => {
  data.trades = readTrades(data.trades);
  for (const end of ["entry", "exit"]) {
    const bars = Float64Array.from(data.trades[`${end}_s`], (seconds) => (seconds * 1000) / data.step_ms - 1);
    data.trades[`${end}_bar`] = bars; // seconds since the first bar opened -> bars since it closed
  }
  const charts = [drawMonths, drawRollingSharpe, drawScatter, drawCosts].map((chart) => chart(data));
  return [drawCourse(data), ...drawAll([...charts, ...evidenceCharts(data.evidence)])];
});
