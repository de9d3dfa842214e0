/**
 * OpenTelemetry traces: a span for every request of a caller, and below it one for every attempt, whose context the
 * cluster gets. Nothing of it is loaded unless the environment names a collector. Where to, headers, sampling and sizes
 * are read from the `OTEL_…` variables by the official packages.
 */
import type { IncomingMessage } from 'node:http';
import type * as api from '@opentelemetry/api';
import type { Context, Span, TextMapPropagator, Tracer } from '@opentelemetry/api';
import type { BasicTracerProvider, SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { ServiceName } from '../../domain/words.js';
import type { Forwarded } from '../request/attempt-order.js';
import { withHeader } from '../request/headers.js';
import { ownText } from '../own-text.js';
import type { ServiceDeps } from '../service/service.js';
import type { AttemptRecord, RequestRecord } from './account.js';
import {
  attemptEndAttributes,
  notedPath,
  operationOf,
  requestAttributes,
  type SpanAttributes,
} from './span-attributes.js';

/** Of this version it has 55; what a later one adds is not read. Its parts are kept until the span is sent. */
const TRACEPARENT_CHARS_MAX = 256;

/** The end of the gateway waits this long for the collector. */
const FLUSH_MS_MAX = 2_000;

export interface AttemptTrace {
  /** With the context of the attempt in the place of the caller's. */
  readonly request: Forwarded;
  end(outcome: AttemptRecord['outcome'], status: number | null): void;
}

export interface RequestTrace {
  readonly traceId: string;
  tries(cluster: string, service: ServiceName | null, request: Forwarded): AttemptTrace;
  end(record: RequestRecord, finishReasons: readonly string[]): void;
}

export interface Tracing {
  begin(req: IncomingMessage): RequestTrace;
  /** Sends what is left, for a bounded time. */
  close(): Promise<void>;
}

type Api = typeof api;

export function wantsTraces(env: NodeJS.ProcessEnv): boolean {
  if (env['OTEL_SDK_DISABLED'] === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none') return false;
  return Boolean(env['OTEL_EXPORTER_OTLP_ENDPOINT']) || Boolean(env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']);
}

export async function openTracing(tell: ServiceDeps['tell']): Promise<Tracing> {
  const [opentelemetry, core, sdk, otlp, resources] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/core'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  // What the environment says of the service wins.
  const resource = resources
    .defaultResource()
    .merge(resources.resourceFromAttributes({ 'service.name': 'understudy-gateway' }))
    .merge(resources.detectResources({ detectors: [resources.envDetector] }));
  const exporter = telling(new otlp.OTLPTraceExporter(), tell);
  const provider = new sdk.BasicTracerProvider({ resource, spanProcessors: [new sdk.BatchSpanProcessor(exporter)] });
  return new OtlpTracing(opentelemetry, provider, new core.W3CTraceContextPropagator());
}

/** Says once when the collector takes nothing, and once when it does again. */
function telling(exporter: SpanExporter, tell: ServiceDeps['tell']): SpanExporter {
  const send = exporter.export.bind(exporter);
  let failing = false;
  exporter.export = (spans, done) => {
    send(spans, (result) => {
      const failed = result.error !== undefined;
      if (failed && !failing) tell({ event: 'traces-fail', why: result.error?.message });
      if (!failed && failing) tell({ event: 'traces-back' });
      failing = failed;
      done(result);
    });
  };
  return exporter;
}

class OtlpTracing implements Tracing {
  readonly #api: Api;
  readonly #provider: BasicTracerProvider;
  readonly #propagator: TextMapPropagator;
  readonly #tracer: Tracer;

  constructor(opentelemetry: Api, provider: BasicTracerProvider, propagator: TextMapPropagator) {
    this.#api = opentelemetry;
    this.#provider = provider;
    this.#propagator = propagator;
    this.#tracer = provider.getTracer('understudy');
  }

  begin({ method = '', headers: { traceparent } }: IncomingMessage): RequestTrace {
    const { ROOT_CONTEXT, SpanKind, defaultTextMapGetter, trace } = this.#api;
    // Not the caller's `tracestate`: it passes to the cluster among the other headers, and could say anything.
    const carrier = { traceparent: ownText(String(traceparent ?? ''), TRACEPARENT_CHARS_MAX) };
    const parent = this.#propagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter);
    const span = this.#tracer.startSpan(method, { kind: SpanKind.SERVER }, parent);
    const context = trace.setSpan(parent, span);
    return {
      traceId: span.spanContext().traceId,
      tries: (cluster, service, request) => this.#tries(context, request, { cluster, service }),
      end: (record, finishReasons) => {
        if (record.service !== null) span.updateName(`${method} ${record.service}`);
        this.#end(span, requestAttributes(record, finishReasons), record.owner === 'cluster');
      },
    };
  }

  #tries(
    parent: Context,
    request: Forwarded,
    { cluster, service }: { readonly cluster: string; readonly service: ServiceName | null },
  ): AttemptTrace {
    const { SpanKind, defaultTextMapSetter, trace } = this.#api;
    const attributes = {
      'http.request.method': request.method,
      'url.path': notedPath(request.path),
      'gen_ai.operation.name': operationOf(request.path),
      'understudy.service': service ?? undefined,
      'understudy.cluster': cluster,
    };
    const span = this.#tracer.startSpan(`${request.method} ${cluster}`, { kind: SpanKind.CLIENT, attributes }, parent);
    const carrier: Record<string, string> = {};
    this.#propagator.inject(trace.setSpan(parent, span), carrier, defaultTextMapSetter);
    const { traceparent = '' } = carrier;
    return {
      request: { ...request, headers: withHeader(request.headers, 'traceparent', traceparent) },
      end: (outcome, status) => {
        const how = attemptEndAttributes(outcome, status);
        this.#end(span, how, how['error.type'] !== undefined);
      },
    };
  }

  #end(span: Span, attributes: SpanAttributes, failed: boolean): void {
    span.setAttributes(attributes);
    if (failed) span.setStatus({ code: this.#api.SpanStatusCode.ERROR });
    span.end();
  }

  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => void (timer = setTimeout(resolve, FLUSH_MS_MAX)));
    // What the collector did not take is lost, and was told.
    await Promise.race([this.#provider.shutdown().catch(() => undefined), late]);
    clearTimeout(timer);
  }
}
