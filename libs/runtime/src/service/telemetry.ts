import { metrics, type Counter, type Histogram, type Meter } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { ParentBasedSampler, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SenderFlood, StageReport } from '../gatherer.js';

/**
 * One OpenTelemetry SDK per process, however many services it hosts: metrics for Prometheus, traces to an OTLP endpoint when one is named.
 * Metric names follow the usual public dashboards; none is labelled by letter or person.
 */
export interface Telemetry {
  readonly serve: (request: IncomingMessage, response: ServerResponse) => void;
  stop(): Promise<void>;
}

let started: { telemetry: Telemetry; users: number } | undefined;

export function startTelemetry(settings: { otlpEndpoint?: string | undefined; sampleShare: number }): Telemetry {
  if (started === undefined) {
    const exporter = new PrometheusExporter({ preventServerStart: true });
    const sdk = new NodeSDK({
      serviceName: 'postgang',
      metricReaders: [exporter],
      autoDetectResources: false,
      instrumentations: [],
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(settings.sampleShare) }),
      ...(settings.otlpEndpoint === undefined ? { spanProcessors: [] } : {}),
    });
    sdk.start();
    started = {
      telemetry: {
        serve: (request, response) => exporter.getMetricsRequestHandler(request, response),
        stop: () => sdk.shutdown(),
      },
      users: 0,
    };
  }
  const mine = started;
  mine.users += 1;
  return {
    serve: mine.telemetry.serve,
    stop: async () => {
      mine.users -= 1;
      if (mine.users > 0 || started !== mine) return;
      started = undefined;
      await mine.telemetry.stop();
      metrics.disable();
    },
  };
}

export interface ServiceMetrics {
  readonly meter: Meter;
  stage(report: StageReport): void;
  senderFlood(flood: SenderFlood): void;
  produceRequest(records: number): void;
  sqlStatement(): void;
  dependency(name: string, up: boolean): void;
}

export function serviceMetrics(service: string): ServiceMetrics {
  const meter = metrics.getMeter('postgang');
  const handled: Counter = meter.createCounter('letters_stage_records_total', {
    description: 'Records a stage handled, by outcome',
  });
  const duration: Histogram = meter.createHistogram('letters_stage_duration_seconds', {
    description: 'Time of one batch from call to published',
    unit: 's',
  });
  const floods: Counter = meter.createCounter('sender_floods_total', {
    description: "Times that one sender's bad ends were a flood of its own",
  });
  const requests: Counter = meter.createCounter('kafka_produce_requests_total', {
    description: 'Produce requests sent',
  });
  const records: Counter = meter.createCounter('kafka_produced_records_total', {
    description: 'Records sent in produce requests',
  });
  const statements: Counter = meter.createCounter('sql_statements_total', { description: 'SQL statements sent' });
  const down = new Map<string, boolean>();
  meter
    .createObservableGauge('dependency_down', { description: '1 while a dependency is considered down' })
    .addCallback((result) => {
      for (const [dependency, isDown] of down) result.observe(isDown ? 1 : 0, { service, dependency });
    });
  const own = { service };
  return {
    meter,
    stage: (report) => {
      duration.record(report.durationMs / 1_000, { service, stage: report.stage });
      for (const [outcome, count] of Object.entries(report.outcomes))
        if (count > 0) handled.add(count, { service, stage: report.stage, outcome });
    },
    senderFlood: ({ stage, sender }) => floods.add(1, { service, stage, sender }),
    produceRequest: (count) => {
      requests.add(1, own);
      records.add(count, own);
    },
    sqlStatement: () => statements.add(1, own),
    dependency: (name, up) => void down.set(name, !up),
  };
}
