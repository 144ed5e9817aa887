// resource-tags.ts: the tags of Zipkin spans that tell of the program, not of the span: OTLP has them on the resource.
//
// The list is that of the OpenTelemetry Collector's Zipkin translator (contrib 0.165): OpenTelemetry's resource attributes, and those of OpenCensus.

const GROUPS: Readonly<Record<string, readonly string[]>> = {
  'aws.ecs': ['container.arn', 'cluster.arn', 'launchtype', 'task.arn', 'task.family', 'task.revision'],
  'aws.eks': ['cluster.arn'],
  'aws.log': ['group.names', 'group.arns', 'stream.names', 'stream.arns'],
  cloud: ['provider', 'account.id', 'region', 'availability_zone', 'platform', 'resource_id'],
  container: ['name', 'id', 'runtime', 'image.name', 'image.tag'],
  deployment: ['environment'],
  device: ['id', 'model.identifier', 'model.name', 'manufacturer'],
  faas: ['name', 'id', 'version', 'instance'],
  host: ['id', 'name', 'type', 'arch', 'image.name', 'image.id', 'image.version'],
  k8s: ['cluster.name', 'node.name', 'node.uid', 'namespace.name', 'container.name', 'container.restart_count'],
  'k8s.pod': ['uid', 'name'],
  'k8s.replicaset': ['uid', 'name'],
  'k8s.deployment': ['uid', 'name'],
  'k8s.statefulset': ['uid', 'name'],
  'k8s.daemonset': ['uid', 'name'],
  'k8s.job': ['uid', 'name'],
  'k8s.cronjob': ['uid', 'name'],
  opencensus: ['starttime', 'exporterversion', 'resourcetype'],
  os: ['type', 'description', 'name', 'version'],
  process: ['pid', 'executable.name', 'executable.path', 'command', 'command_line', 'command_args', 'owner'],
  'process.runtime': ['name', 'version', 'description'],
  service: ['name', 'namespace', 'instance.id', 'version'],
  telemetry: ['sdk.name', 'sdk.language', 'sdk.version', 'auto.version'],
  webengine: ['name', 'version', 'description'],
}

/** Keys of tags that go to the resource. */
export const RESOURCE_TAGS: ReadonlySet<string> = new Set(
  Object.entries(GROUPS).flatMap(([group, keys]) => keys.map((key) => `${group}.${key}`)),
)
