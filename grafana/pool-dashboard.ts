// The Pool dashboard as code. `npm run -w grafana build-dashboards` writes its JSON into dashboards/.
import { PanelBuilder as BarGaugeBuilder } from "@grafana/grafana-foundation-sdk/bargauge";
import { BarGaugeDisplayMode } from "@grafana/grafana-foundation-sdk/common";
import {
  type Dashboard,
  DashboardBuilder,
  type DataSourceRef,
  DatasourceVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as TimeseriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";

/** Resolved by Grafana from the dashboard's data source variable. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana fills it in, not JavaScript.
const datasource: DataSourceRef = { type: "prometheus", uid: "${datasource}" };

type Query = { readonly expr: string; readonly legend: string };
type PanelSpec = {
  readonly title: string;
  /** What an administrator reads off it, and what to do about it. */
  readonly description: string;
  /** Grafana unit id: `short`, `bytes`, `s`, `percentunit`. */
  readonly unit: string;
  readonly queries: readonly Query[];
};

function target(query: Query): DataqueryBuilder {
  return new DataqueryBuilder().datasource(datasource).expr(query.expr).legendFormat(query.legend);
}

function stat(spec: PanelSpec): StatBuilder {
  const panel = new StatBuilder()
    .title(spec.title)
    .description(spec.description)
    .datasource(datasource)
    .unit(spec.unit)
    .height(4)
    .span(4);
  for (const query of spec.queries) panel.withTarget(target(query));
  return panel;
}

function timeseries(spec: PanelSpec): TimeseriesBuilder {
  const panel = new TimeseriesBuilder()
    .title(spec.title)
    .description(spec.description)
    .datasource(datasource)
    .unit(spec.unit)
    .height(8)
    .span(12);
  if (spec !== memoryError) panel.min(0);
  for (const query of spec.queries) panel.withTarget(target(query));
  return panel;
}

function memoryBars(): BarGaugeBuilder {
  return new BarGaugeBuilder()
    .title("Memory budget in use")
    .description(
      "Share of each Mac's memory budget that replicas have reserved. A full bar means that no further model fits.",
    )
    .datasource(datasource)
    .unit("percentunit")
    .min(0)
    .max(1)
    .displayMode(BarGaugeDisplayMode.Lcd)
    .thresholds(
      new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([
        { value: null, color: "green" },
        { value: 0.85, color: "orange" },
      ]),
    )
    .height(8)
    .span(12)
    .withTarget(
      target({
        expr: '1 - pomona_node_memory_bytes{kind="free"} / ignoring(kind) pomona_node_memory_bytes{kind="budget"}',
        legend: "{{node}}",
      }),
    );
}

const quantile = (q: number, metric: string, by: string): string =>
  `histogram_quantile(${q}, sum by (${by}, le) (rate(${metric}_bucket[$__rate_interval])))`;

const glance: readonly PanelSpec[] = [
  {
    title: "Nodes up",
    description: "Macs that send heartbeats. A lost one counts as down until `pomona nodes forget`.",
    unit: "short",
    queries: [{ expr: "sum(pomona_node_up)", legend: "up" }],
  },
  {
    title: "Nodes down",
    description: "Macs that were in the pool and are not answering.",
    unit: "short",
    queries: [{ expr: "count(pomona_node_up) - sum(pomona_node_up)", legend: "down" }],
  },
  {
    title: "Waiting requests",
    description: "Requests that no slot is free for. It should return to zero within seconds.",
    unit: "short",
    queries: [{ expr: "sum(pomona_queue_depth)", legend: "waiting" }],
  },
  {
    title: "Tokens per second",
    description: "What the whole pool generates.",
    unit: "short",
    queries: [{ expr: "sum(rate(pomona_generated_tokens_total[$__rate_interval]))", legend: "tokens/s" }],
  },
  {
    title: "Time to first token, p95",
    description: "One request in twenty waits longer.",
    unit: "s",
    queries: [
      {
        expr: "histogram_quantile(0.95, sum by (le) (rate(pomona_time_to_first_token_seconds_bucket[$__rate_interval])))",
        legend: "p95",
      },
    ],
  },
  {
    title: "Models that survive a node",
    description: "Models that still answer when any one Mac is lost.",
    unit: "short",
    queries: [{ expr: "sum(pomona_model_survives_node_loss)", legend: "models" }],
  },
];

const requests: readonly PanelSpec[] = [
  {
    title: "Requests by outcome",
    description: "Ended requests per second. `failed` should be absent.",
    unit: "reqps",
    queries: [{ expr: "sum by (outcome) (rate(pomona_requests_total[$__rate_interval]))", legend: "{{outcome}}" }],
  },
  {
    title: "Queue",
    description: "Requests that wait for a slot, by model. Growing means that the pool is too small for the load.",
    unit: "short",
    queries: [{ expr: "sum by (model) (pomona_queue_depth)", legend: "{{model}}" }],
  },
  {
    title: "Time to first token",
    description: "From the arrival of a request to its first token: queue, prefill and one step.",
    unit: "s",
    queries: [
      { expr: quantile(0.5, "pomona_time_to_first_token_seconds", "model"), legend: "{{model}} p50" },
      { expr: quantile(0.95, "pomona_time_to_first_token_seconds", "model"), legend: "{{model}} p95" },
    ],
  },
  {
    title: "Inter-token latency",
    description: "The time between two tokens of a stream, by node. A node that slows down is hot, swapping or busy.",
    unit: "s",
    queries: [
      { expr: quantile(0.5, "pomona_inter_token_latency_seconds", "node"), legend: "{{node}} p50" },
      { expr: quantile(0.95, "pomona_inter_token_latency_seconds", "node"), legend: "{{node}} p95" },
    ],
  },
  {
    title: "Queue time",
    description: "How long requests waited for a slot.",
    unit: "s",
    queries: [
      {
        expr: "histogram_quantile(0.95, sum by (le) (rate(pomona_queue_seconds_bucket[$__rate_interval])))",
        legend: "p95",
      },
    ],
  },
  {
    title: "Moved requests",
    description: "Requests that went on at another node after their own was lost.",
    unit: "short",
    queries: [
      {
        expr: "sum by (reason, outcome) (increase(pomona_resumes_total[$__rate_interval]))",
        legend: "{{reason}} {{outcome}}",
      },
    ],
  },
];

const nodes: readonly PanelSpec[] = [
  {
    title: "Tokens per second by node",
    description: "Who does the work.",
    unit: "short",
    queries: [{ expr: "sum by (node) (rate(pomona_generated_tokens_total[$__rate_interval]))", legend: "{{node}}" }],
  },
  {
    title: "Busy slots",
    description: "Slots that hold a running request, by node and model.",
    unit: "short",
    queries: [{ expr: 'sum by (node, model) (pomona_node_slots{state="busy"})', legend: "{{node}} {{model}}" }],
  },
  {
    title: "Prompt tokens reused",
    description: "Share of prompt tokens that were already in a slot's KV and cost no prefill.",
    unit: "percentunit",
    queries: [
      {
        expr: "sum(rate(pomona_prefix_cached_tokens_total[$__rate_interval])) / sum(rate(pomona_prompt_tokens_total[$__rate_interval]))",
        legend: "reused",
      },
    ],
  },
];

const checkpoints: readonly PanelSpec[] = [
  {
    title: "States at peers",
    description:
      "States of running requests that were brought to a second Mac, by what became of them. `restored`: a request went on from one. Many `lost`: the lines are slower than they were, or `stateReceivedBytes` is too small.",
    unit: "short",
    queries: [
      { expr: "sum by (outcome) (increase(pomona_checkpoints_total[$__rate_interval]))", legend: "{{outcome}}" },
    ],
  },
  {
    title: "Held for others",
    description: "Bytes of states that each Mac holds for requests that run on others.",
    unit: "bytes",
    queries: [{ expr: "pomona_node_checkpoint_bytes", legend: "{{node}}" }],
  },
];

const memory: readonly PanelSpec[] = [
  {
    title: "Short of memory",
    description:
      "How much a Mac lacks memory: 1 warning, 2 critical. Nothing new loads there; its owner should end some programs.",
    unit: "short",
    queries: [{ expr: "pomona_node_memory_pressure", legend: "{{node}}" }],
  },
  {
    title: "Owners at their Macs",
    description: "1 while somebody uses a Mac whose models then make way (`ownerMode`).",
    unit: "short",
    queries: [{ expr: "pomona_node_owner_active", legend: "{{node}}" }],
  },
];

/** May be below 0. */
const memoryError: PanelSpec = {
  title: "Memory reserved beyond what is used",
  description:
    "What a replica reserved over what its process has in memory, less 1. Below 0 the estimate was too small, and later ones are corrected.",
  unit: "percentunit",
  queries: [{ expr: "min by (node, model) (pomona_model_memory_error_ratio)", legend: "{{node}} {{model}}" }],
};

const models: readonly PanelSpec[] = [
  {
    title: "Models that leave",
    description:
      "Replicas that had to go, by why. Many for `demand`: the models that are asked for do not fit together.",
    unit: "short",
    queries: [{ expr: "sum by (reason) (increase(pomona_evictions_total[$__rate_interval]))", legend: "{{reason}}" }],
  },
  {
    title: "Load time",
    description: "From the request to load a replica until it answers. Files that have to be copied first come on top.",
    unit: "s",
    queries: [{ expr: quantile(0.95, "pomona_model_load_seconds", "model"), legend: "{{model}} p95" }],
  },
];

const files: readonly PanelSpec[] = [
  {
    title: "Model files on their way",
    description: "Bytes per second that each Mac receives from others and from the Internet.",
    unit: "Bps",
    queries: [
      {
        expr: 'sum by (node, peer) (rate(pomona_model_transfer_bytes_total{direction="received"}[$__rate_interval]))',
        legend: "{{node}} from {{peer}}",
      },
    ],
  },
  {
    title: "Disk of the model store",
    description: "Share of the disk that is free. Below a twentieth nothing more is pulled: remove models nobody uses.",
    unit: "percentunit",
    queries: [
      {
        expr: 'pomona_model_store_bytes{kind="free"} / ignoring(kind) pomona_model_store_bytes{kind="disk"}',
        legend: "{{node}}",
      },
    ],
  },
];

/** The dashboard that administrators open first: nodes, queue, speed and memory of one pool. */
export function poolDashboard(): Dashboard {
  const builder = new DashboardBuilder("Pomona: Pool")
    .uid("pomona-pool")
    .description("Nodes, queue, speed and memory of one pool.")
    .tags(["pomona"])
    .refresh("10s")
    .time({ from: "now-30m", to: "now" })
    .timezone("browser")
    .withVariable(new DatasourceVariableBuilder("datasource").label("Data source").type("prometheus"));
  for (const spec of glance) builder.withPanel(stat(spec));
  builder.withRow(new RowBuilder("Requests"));
  for (const spec of requests) builder.withPanel(timeseries(spec));
  builder.withRow(new RowBuilder("Nodes"));
  builder.withPanel(memoryBars());
  for (const spec of [...nodes, ...memory, memoryError, ...checkpoints]) builder.withPanel(timeseries(spec));
  builder.withRow(new RowBuilder("Models"));
  for (const spec of [...models, ...files]) builder.withPanel(timeseries(spec));
  return builder.build();
}
